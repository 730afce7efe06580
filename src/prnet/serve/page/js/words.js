// What the page says, in English and Chinese.

const WORDS = {
  en: {
    title: "prnet: a 3D face from a photo",
    tagline: "A photo becomes a 3D face",
    other: "中文",
    sources: "Photo or camera",
    choose: "Choose a photo",
    sample: "Try the sample",
    camera: "Use the camera",
    stop: "Stop the camera",
    drop: "or drop a photo here, or paste one",
    private: "Nothing leaves this computer: the face is computed in this page, and its rules let it reach no other host.",
    loading: "Loading the networks",
    looking: "Looking for faces …",
    found: "{count, face} found in {ms} ms",
    noFace: "No face found in this photo. Faces of about 16 pixels and more are found, from the front and from the side.",
    noFaceLive: "No face in front of the camera",
    notPicture: "This file is no picture that the browser can read.",
    reduced: "The photo was reduced to {width} x {height} pixels.",
    failed: "It did not work: {reason}",
    noModels: "The networks could not be loaded: {reason}",
    networksDied: "The networks broke off: {reason}. The next photo starts them anew.",
    noCamera: "No camera was found. A photo works, too.",
    noPermission: "The camera may not be used: the permission was refused. It can be changed beside the address of the page.",
    cameraBusy: "The camera cannot be opened; perhaps another program uses it.",
    cameraGone: "The camera has ended; perhaps it was unplugged.",
    opening: "The camera is being opened; the browser may ask for leave.",
    insecure: "Browsers give the camera to pages of https and of this computer (localhost) alone.",
    noWebgl: "This browser shows no WebGL 2, so the face cannot be drawn in 3D. Everything else works.",
    faces: "Faces",
    face: "Face {number}",
    photoLabel: "The photo with {count, face}; the chosen one: yaw {yaw}, pitch {pitch}, roll {roll} degrees",
    turn: "The face in 3D: drag, or use the arrow keys and plus and minus",
    surface: "Surface",
    textured: "Textured", shaded: "Shaded", wireframe: "Wireframe", depth: "Depth", normals: "Normals",
    confidence: "Confidence",
    light: "Light from the side",
    open: "Eyes and mouth open",
    frontal: "Take the pose away",
    home: "View from the front",
    onPhoto: "On the photo",
    landmarks: "Landmarks", mesh: "Mesh", nothing: "Nothing",
    yaw: "Yaw", pitch: "Pitch", roll: "Roll", presence: "Presence",
    sure: "sure", guessed: "guessed",
    live: "Live",
    rates: "{fps} frames a second. Milliseconds: detect {detect}, crop {crop}, network {network}, steady {steady}, draw {draw}",
    smooth: "Steady (One-Euro filter)",
    record: "Record", stopRecord: "Stop recording ({count} frames)",
    saveCurves: "Save the recording (CSV)",
    overRecorded: "The last recording is not saved. Shall a new one take its place?",
    expression: "Expression (ARKit names)",
    save: "Save",
    depthPicture: "Depth (PNG)", landmarksText: "Landmarks (txt)", landmarksTable: "Landmarks (csv)",
    research: "The network is for research use:",
    libraries: "Libraries:",
    count_face: (n) => (n === 1 ? "1 face" : `${n} faces`),
  },
  zh: {
    title: "prnet：一张照片，一张三维人脸",
    tagline: "一张照片变成三维人脸",
    other: "English",
    sources: "照片或摄像头",
    choose: "选择照片",
    sample: "试用示例照片",
    camera: "使用摄像头",
    stop: "关闭摄像头",
    drop: "也可以把照片拖到这里，或直接粘贴",
    private: "数据不会离开本机：人脸在本页面内计算，页面的安全策略不允许访问任何其他主机。",
    loading: "正在加载网络模型",
    looking: "正在寻找人脸……",
    found: "用时 {ms} 毫秒，找到 {count, face}",
    noFace: "这张照片里没有找到人脸。可以找到约 16 像素以上的正面或侧面人脸。",
    noFaceLive: "摄像头前没有人脸",
    notPicture: "浏览器无法读取这个文件，它可能不是图片。",
    reduced: "照片已缩小为 {width} x {height} 像素。",
    failed: "出错了：{reason}",
    noModels: "无法加载网络模型：{reason}",
    networksDied: "网络模型意外停止：{reason}。打开下一张照片时会重新启动。",
    noCamera: "没有找到摄像头。也可以使用照片。",
    noPermission: "摄像头权限被拒绝。可以在地址栏旁更改权限。",
    cameraBusy: "无法打开摄像头，可能正被其他程序占用。",
    cameraGone: "摄像头已中断，可能已被拔出。",
    opening: "正在打开摄像头，浏览器可能会请求授权。",
    insecure: "浏览器只允许 https 页面或本机页面（localhost）使用摄像头。",
    noWebgl: "此浏览器不支持 WebGL 2，无法显示三维人脸；其他功能仍可使用。",
    faces: "人脸",
    face: "人脸 {number}",
    photoLabel: "照片中有 {count, face}；所选人脸：偏航 {yaw}，俯仰 {pitch}，翻滚 {roll} 度",
    turn: "三维人脸：拖动，或使用方向键和加减键",
    surface: "表面",
    textured: "纹理", shaded: "光照", wireframe: "线框", depth: "深度", normals: "法线",
    confidence: "置信度",
    light: "侧向光源",
    open: "眼睛和嘴巴开口",
    frontal: "去除姿态",
    home: "正面视角",
    onPhoto: "照片上显示",
    landmarks: "关键点", mesh: "网格", nothing: "无",
    yaw: "偏航", pitch: "俯仰", roll: "翻滚", presence: "人脸概率",
    sure: "确定", guessed: "推测",
    live: "实时",
    rates: "每秒 {fps} 帧。毫秒：检测 {detect}，裁剪 {crop}，网络 {network}，平滑 {steady}，绘制 {draw}",
    smooth: "平滑（One-Euro 滤波）",
    record: "录制", stopRecord: "停止录制（{count} 帧）",
    saveCurves: "保存录制数据（CSV）",
    overRecorded: "上一次录制尚未保存。要用新的录制取代它吗？",
    expression: "表情（ARKit 名称）",
    save: "保存",
    depthPicture: "深度图（PNG）", landmarksText: "关键点（txt）", landmarksTable: "关键点（csv）",
    research: "网络权重仅供研究使用：",
    libraries: "所用库：",
    count_face: (n) => `${n} 张人脸`,
  },
};

let language = "en";

/** The words for `key`, with values in the place of {names}; {n, face} is so many faces. */
export function say(key, values = {}) {
  const words = WORDS[language];
  return words[key].replace(/\{(\w+)(?:, (\w+))?\}/g, (_, name, noun) => {
    return noun ? words[`count_${noun}`](values[name]) : String(values[name]);
  });
}

/** The language that the user chose before, or that of the browser. */
export function startLanguage() {
  const asked = new URLSearchParams(location.search).get("lang");
  return WORDS[asked] ? asked : navigator.language.startsWith("zh") ? "zh" : "en";
}

/** Says everything on the page that has data-t in another language. */
export function speak(name = language === "en" ? "zh" : "en") {
  language = name;
  document.documentElement.lang = name;
  document.title = say("title");
  for (const element of document.querySelectorAll("[data-t]")) {
    element.textContent = say(element.dataset.t);
  }
  for (const element of document.querySelectorAll("[data-t-label]")) {
    element.setAttribute("aria-label", say(element.dataset.tLabel));
  }
  const button = document.getElementById("language");
  button.textContent = say("other");
  button.lang = name === "en" ? "zh" : "en";
}

export const LANGUAGES = WORDS;
