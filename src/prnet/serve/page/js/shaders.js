// How the surface is drawn. Points are the image's, y down; the scene's y is up.

export const VERTEX = `
precision highp float;
uniform highp sampler2D map;
uniform float size, unit, side;
uniform vec3 middle;
uniform vec2 corner;
uniform mat3 turn;
out vec3 turned, own;
out vec2 photoAt, mirrorAt, grid;
out float mirrorFacing, deviation, depth;

vec4 at(ivec2 pixel) { return texelFetch(map, clamp(pixel, ivec2(0), ivec2(int(size) - 1)), 0); }
vec3 near(ivec2 pixel, vec3 self) { vec4 v = at(pixel); return v.a < 0.0 ? self : v.xyz; }
vec3 normalAt(ivec2 p, vec3 self) {
  vec3 across = near(p + ivec2(1, 0), self) - near(p - ivec2(1, 0), self);
  vec3 down = near(p + ivec2(0, 1), self) - near(p - ivec2(0, 1), self);
  return normalize(cross(across, down) + vec3(0.0, 0.0, 1e-9));
}

void main() {
  ivec2 pixel = ivec2(position.xy);
  vec4 point = at(pixel);
  ivec2 other = ivec2(int(size) - 1 - pixel.x, pixel.y);
  vec4 twin = at(other);
  own = normalAt(pixel, point.xyz);
  photoAt = (point.xy - corner) / side;
  mirrorAt = (twin.xy - corner) / side;
  mirrorFacing = twin.a < 0.0 ? -1.0 : normalAt(other, twin.xyz).z;
  deviation = point.a;
  depth = point.z;
  grid = position.xy;
  turned = turn * (own * vec3(1.0, -1.0, 1.0));
  vec3 place = turn * ((point.xyz - middle) / unit * vec3(1.0, -1.0, 1.0));
  gl_Position = projectionMatrix * modelViewMatrix * vec4(place, 1.0);
}`;

export const FRAGMENT = `
precision highp float;
uniform sampler2D photo;
uniform int look;
uniform vec2 range, limits;
uniform vec3 light, skin, colours[4];
in vec3 turned, own;
in vec2 photoAt, mirrorAt, grid;
in float mirrorFacing, deviation, depth;
out vec4 colour;

vec3 textured() {
  // What looks away from the camera is taken from the other half, where that is seen better; what
  // neither shows has the colour of the cheeks, not that of the wall behind.
  float facing = normalize(own).z;
  float seen = smoothstep(0.05, 0.35, facing), twin = smoothstep(0.05, 0.35, mirrorFacing);
  vec3 photographed = mix(texture(photo, photoAt).rgb, texture(photo, mirrorAt).rgb, twin * (1.0 - seen));
  return mix(skin, photographed, smoothstep(0.05, 0.3, max(facing, mirrorFacing)));
}

vec3 sureness(float share) {
  float place = clamp(log(max(share, 1e-6) / limits.x) / log(limits.y / limits.x), 0.0, 1.0) * 3.0;
  int low = int(min(floor(place), 2.0));
  return mix(colours[low], colours[low + 1], place - float(low));
}

void main() {
  vec3 n = normalize(turned);
  float lit = max(dot(n, light), 0.0);
  vec3 shaded = vec3(0.80, 0.77, 0.74) * (0.22 + 0.78 * lit) + 0.10 * pow(lit, 24.0);
  vec3 c = shaded;
  if (look == 0) c = textured();
  if (look == 2) {
    vec2 line = abs(fract(grid / 4.0 + 0.5) - 0.5) * 4.0 / max(fwidth(grid), vec2(1e-4));
    if (min(line.x, line.y) > 0.8) discard;
    c = mix(vec3(0.16, 0.45, 0.75), vec3(0.35, 0.75, 1.0), lit);
  }
  if (look == 3) c = vec3(0.08 + 0.92 * (depth - range.x) / (range.y - range.x));
  if (look == 4) c = 0.5 + 0.5 * n;
  if (look == 5) c = sureness(deviation) * (0.55 + 0.45 * lit);
  colour = vec4(c, 1.0);
}`;
