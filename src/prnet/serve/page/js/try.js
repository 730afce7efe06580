// A form for each call of openapi.json, and what comes back.

const $ = (id) => document.getElementById(id);
let answered; // the address of the last answer

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function card(path, method, call) {
  const fields = element("fieldset", {}, element("legend", { textContent: `${method.toUpperCase()} ${path}` }));
  fields.append(element("p", { textContent: call.summary }));
  const files = Object.keys(call.requestBody?.content["multipart/form-data"].schema.properties ?? {});
  const row = (name, field) => fields.append(element("p", {}, element("label", {}, `${name} `, field)));
  const inputs = files.map((name) => {
    const field = element("input", { type: "file", accept: "image/*", name });
    row(name, field);
    return field;
  });
  const query = (call.parameters ?? []).map(({ name, description }) => {
    const field = element("input", { name, title: description, placeholder: description });
    row(name, field);
    return field;
  });
  const accept = element("select", { name: "accept" });
  accept.append(...Object.keys(call.responses["200"].content).map((kind) => new Option(kind)));
  row("Accept", accept);
  const send = element("button", { type: "button", textContent: "Send" });
  send.addEventListener("click", async () => {
    const values = query.filter(({ value }) => value).map(({ name, value }) => [name, value]);
    const body = files.length ? new FormData() : undefined;
    for (const input of inputs) if (input.files[0]) body.append(input.name, input.files[0]);
    const headers = { Accept: accept.value };
    if ($("token").value) headers.Authorization = `Bearer ${$("token").value}`;
    const address = values.length ? `${path}?${new URLSearchParams(values)}` : path;
    $("status").textContent = "…";
    send.disabled = true;
    try {
      await show(await fetch(address, { method, headers, body }));
    } catch (error) {
      $("status").textContent = `No answer: ${error.message}`; // nor when a body is refused before it is all sent
    }
    send.disabled = false;
  });
  fields.append(send);
  return fields;
}

async function show(response) {
  const kind = response.headers.get("content-type"), blob = await response.blob();
  $("status").textContent = `${response.status}, ${kind}, ${blob.size} bytes`;
  $("answer").textContent = kind.includes("json") ? JSON.stringify(JSON.parse(await blob.text()), null, 1) : "";
  URL.revokeObjectURL(answered);
  answered = URL.createObjectURL(blob);
  const picture = kind.startsWith("image/") ? [element("img", { src: answered, alt: "The picture that came back" })] : [];
  const ending = kind === "model/gltf-binary" ? "glb" : kind.split(/[/+]/).pop();
  const file = element("a", { href: answered, download: `answer.${ending}`, textContent: "Save it" });
  $("picture").replaceChildren(...picture, " ", file);
}

const { paths } = await (await fetch("openapi.json")).json();
for (const [path, methods] of Object.entries(paths)) {
  for (const [method, call] of Object.entries(methods)) $("calls").append(card(path, method, call));
}
