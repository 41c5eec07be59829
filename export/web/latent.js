import { $, config, drawn, halved, ort, pixels, save, sessionOf, show, start, takeFiles, valuesOf, withLabels } from "./common.js";

const COUNT = 16;
const YOURS = COUNT; // the number of the visitor's picture, after those of the grid
const SECONDS = 2.5; // of the walk from one picture to the next
const REACH = 3; // of the small pictures beside a slider, whose ends are at 4
const SAVED = 512; // pixels along the longer side of a saved picture
const TILE = 128; // pixels along the shorter side of a picture on a saved sheet, at least
const SMOOTH = 48; // pixels of a side from which a page begins with smooth pictures
const LARGEST_TRUNCATION = config.bounds ? 1 : 3; // there it is none
const state = { drawn: [], latents: [], labels: [], before: 0, picked: 0, label: null, shown: null, source: null };
window.state = state; // for tests, and for the curious
let session, encoder;

// Random numbers from a seed: mulberry32, and pairs of normal ones by Box and Muller.
function random(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function draw(next) {
  const vector = new Float32Array(config.latentDim);
  for (let i = 0; i < vector.length; i++) {
    if (config.bounds) {
      const [low, high] = config.bounds;
      vector[i] = low + (high - low) * next();
    } else {
      vector[i] = Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    }
  }
  return vector;
}

// A vector with no component farther from the centre than the truncation, as the export's `sample` has it.
function truncated(vector) {
  const truncation = Number($("truncation").value);
  if (truncation >= LARGEST_TRUNCATION) return vector;
  if (config.bounds) {
    const centre = (config.bounds[0] + config.bounds[1]) / 2;
    return vector.map((x) => centre + truncation * (x - centre));
  }
  const inside = erf(truncation * Math.SQRT1_2);
  return vector.map((x) => Math.SQRT2 * inverseErf(erf(x * Math.SQRT1_2) * inside));
}

// Abramowitz and Stegun 1964, formula 7.1.26: within 1.5e-7.
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
}

// Winitzki's first guess and two steps of Newton.
function inverseErf(y) {
  const a = 0.147, log = Math.log(1 - y * y), half = 2 / (Math.PI * a) + log / 2;
  let x = Math.sign(y) * Math.sqrt(Math.sqrt(half * half - log / a) - half);
  for (let i = 0; i < 2; i++) x -= ((erf(x) - y) * Math.sqrt(Math.PI)) / (2 * Math.exp(-x * x));
  return x;
}

const pixelsOf = (values) => pixels(values, config.shape, config.valueRange);

async function generate(latents, labels) {
  const flat = new Float32Array(latents.length * config.latentDim);
  latents.forEach((latent, i) => flat.set(latent, i * config.latentDim));
  const latent = new ort.Tensor("float32", flat, [latents.length, config.latentDim]);
  const values = (await session.run(withLabels({ latent }, labels))).image.data;
  const size = values.length / latents.length;
  return latents.map((_, i) => pixelsOf(values.subarray(i * size, (i + 1) * size)));
}

// A file as the values that the model takes: its middle, as large as can be, in the model's size.
async function read(file) {
  const [height, width, channels] = config.shape;
  const bitmap = await createImageBitmap(file); // upright, as its EXIF data say
  const scale = Math.max(width / bitmap.width, height / bitmap.height);
  const size = [Math.round(bitmap.width * scale), Math.round(bitmap.height * scale)];
  const left = (width - size[0]) / 2, top = (height - size[1]) / 2;
  const canvas = drawn(halved(bitmap, ...size), width, height, left, top, ...size);
  return valuesOf(canvas, channels, config.valueRange);
}

async function take(file) {
  try {
    state.source = await read(file);
  } catch {
    $("said").textContent = `${file.name} is not a picture that this browser can read.`;
    return;
  }
  $("said").textContent = "";
  await reconstruct();
  await pick(YOURS);
}

// The code of the visitor's picture, and the picture of that code.
async function reconstruct() {
  const label = state.label ?? 0;
  const source = new ort.Tensor("float32", state.source, [1, ...config.shape]);
  const codes = await encoder.run(withLabels({ [config.encoder.input]: source }, [label]));
  state.latents[YOURS] = Float32Array.from(codes[config.encoder.output].data);
  state.labels[YOURS] = label;
  const [data] = await generate([state.latents[YOURS]], [label]);
  show($("original"), pixelsOf(state.source));
  show($("reconstruction"), data);
  $("pair").hidden = false;
  if (config.classes) $("said").textContent = `As a picture of class ${config.classes[label]}; the buttons choose another.`;
}

async function newPictures() {
  const next = random(Number($("seed").value) || 0);
  state.drawn = Array.from({ length: COUNT }, () => draw(next));
  await drawGrid();
}

async function drawGrid() {
  const classes = config.classes?.length ?? 1;
  const latents = state.drawn.map(truncated);
  state.latents.splice(0, COUNT, ...latents);
  state.labels.splice(0, COUNT, ...latents.map((_, i) => state.label ?? i % classes));
  const images = await generate(latents, state.labels.slice(0, COUNT));
  images.forEach((data, i) => show($("grid").children[i].firstChild, data));
}

async function pick(i, before = state.picked) {
  stop();
  undo();
  await go(before, i, 1);
  await drawEnds();
}

function undo() {
  for (const slider of $("directions").querySelectorAll("input")) slider.value = 0;
}

async function go(before, picked, way) {
  [state.before, state.picked] = [before, picked];
  [...$("grid").children].forEach((b, j) => b.setAttribute("aria-pressed", j === picked));
  $("way").value = way;
  await drawPicked();
}

const named = (i) => (i === YOURS ? "your picture" : `picture ${i + 1}`);

function describe() {
  const { before, picked, labels } = state;
  const way = Number($("way").value);
  const nearest = way < 0.5 ? before : picked;
  const of = config.classes ? `, class ${config.classes[labels[nearest]]}` : "";
  const between = before === picked || way === 0 || way === 1;
  const text = between ? named(nearest) : `between ${named(before)} and ${named(picked)}`;
  const caption = `${text[0].toUpperCase()}${text.slice(1)}${of}`;
  if (caption === $("caption").textContent) return;
  $("caption").textContent = caption;
  $("picked").setAttribute("aria-label", caption);
}

// The chosen latent vector: on the way from the one before, moved by the sliders.
function current() {
  const latent = between(state.latents[state.before], state.latents[state.picked], Number($("way").value));
  return [...$("directions").querySelectorAll("input")].reduce((moved, slider, d) => move(moved, d, Number(slider.value)), latent);
}

function between(a, b, way) {
  return config.bounds ? b.map((x, i) => a[i] + way * (x - a[i])) : arc(a, b, way);
}

function move(latent, direction, distance) {
  const [low, high] = config.bounds ?? [-Infinity, Infinity];
  const { vector } = config.directions[direction];
  return latent.map((x, i) => Math.min(high, Math.max(low, x + distance * vector[i])));
}

function arc(a, b, way) {
  const length = (v) => Math.hypot(...v);
  const cosine = a.reduce((sum, x, i) => sum + x * b[i], 0) / (length(a) * length(b));
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  if (!(Math.sin(angle) >= 1e-3)) return b.map((x, i) => a[i] + way * (x - a[i]));
  const size = (length(a) + way * (length(b) - length(a))) / Math.sin(angle);
  return b.map((x, i) =>
    size * ((Math.sin((1 - way) * angle) * a[i]) / length(a) + (Math.sin(way * angle) * x) / length(b)));
}

// On the way between two classes, the picture of one fades into that of the other.
async function picture() {
  const way = Number($("way").value);
  const [first, last] = [state.labels[state.before], state.labels[state.picked]];
  if (first === last || way === 1) return (await generate([state.shown], [last]))[0];
  const [data, other] = await generate([state.shown, state.shown], [first, last]);
  for (let i = 0; i < data.data.length; i++) data.data[i] += way * (other.data[i] - data.data[i]);
  return data;
}

let busy = false, again = false;
async function drawPicked() {
  // A slider moves faster than pictures are made; the ones in between are left out.
  if (busy) { again = true; return; }
  busy = true;
  do {
    again = false;
    state.shown = current();
    describe();
    show($("picked"), await picture());
  } while (again);
  busy = false;
}

// The small pictures at both ends of each direction.
async function drawEnds() {
  const latent = state.latents[state.picked], label = state.labels[state.picked];
  const canvases = [...$("directions").querySelectorAll("canvas")];
  const ends = canvases.map((_, i) => move(latent, Math.floor(i / 2), i % 2 ? REACH : -REACH));
  const images = await generate(ends, ends.map(() => label));
  images.forEach((data, i) => show(canvases[i], data));
}

function enlarged(canvas, scale) {
  const large = document.createElement("canvas");
  large.width = Math.round(canvas.width * scale);
  large.height = Math.round(canvas.height * scale);
  const context = large.getContext("2d");
  context.imageSmoothingEnabled = $("picked").classList.contains("smooth");
  context.imageSmoothingQuality = "high";
  context.drawImage(canvas, 0, 0, large.width, large.height);
  return large;
}

function savePicked() {
  const canvas = $("picked");
  const scale = Math.max(1, SAVED / Math.max(canvas.width, canvas.height));
  save(enlarged(canvas, scale), `${config.name}-${$("seed").value}-${state.picked + 1}`);
}

function saveGrid() {
  const [height, width] = config.shape;
  const sheet = document.createElement("canvas");
  sheet.width = 4 * width;
  sheet.height = (COUNT / 4) * height;
  [...$("grid").children].forEach((button, i) =>
    sheet.getContext("2d").drawImage(button.firstChild, (i % 4) * width, Math.floor(i / 4) * height));
  save(enlarged(sheet, Math.max(1, Math.ceil(TILE / Math.min(height, width)))), `${config.name}-${$("seed").value}`);
}

let walking = false;
function walk() {
  walking = true;
  $("walk").textContent = "Pause";
  let since = performance.now();
  const frame = async (now) => {
    if (!walking) return;
    let past = (now - since) / 1000 / SECONDS;
    if (past >= 1) {
      since = now;
      past = 0;
      state.before = state.picked;
      state.picked = (state.picked + 1) % COUNT; // from the visitor's picture back to the grid
    }
    await go(state.before, state.picked, (1 - Math.cos(Math.PI * past)) / 2);
    if (walking) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

function stop() {
  walking = false;
  $("walk").textContent = "Walk";
}

async function stopAndStay() {
  stop();
  await drawEnds();
}

// The address holds what is seen, for others to see the same.
function remember() {
  const parts = new URLSearchParams({ seed: $("seed").value, picture: state.picked + 1 });
  if (state.label !== null) parts.set("class", state.label);
  if (Number($("truncation").value) < LARGEST_TRUNCATION) parts.set("truncation", $("truncation").value);
  history.replaceState(null, "", `#${parts}`);
}

// Whether the address named a picture.
async function recall() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const whole = (name, most) => {
    const value = parts.has(name) ? Number(parts.get(name)) : NaN;
    return Number.isInteger(value) && value >= 0 && value <= most ? value : null;
  };
  $("seed").value = whole("seed", 2 ** 32 - 1) ?? 0;
  $("truncation").value = Number(parts.get("truncation")) || LARGEST_TRUNCATION;
  tellTruncation();
  choose(whole("class", (config.classes?.length ?? 0) - 1));
  await newPictures();
  const picture = whole("picture", COUNT);
  await pick(Math.max(0, (picture ?? 1) - 1), 1);
  return picture !== null;
}

function choose(label) {
  state.label = label;
  [...$("classes").children].forEach((button, i) => button.setAttribute("aria-pressed", i === (label === null ? 0 : label + 1)));
}

function tellTruncation() {
  const value = Number($("truncation").value);
  $("truncation-value").textContent = value >= LARGEST_TRUNCATION ? "none" : value.toFixed(2);
}

async function redraw() {
  await drawGrid();
  if (state.source) await reconstruct();
  await drawPicked();
  await drawEnds();
  remember();
}

async function copyLink() {
  remember();
  try {
    await navigator.clipboard.writeText(location.href);
    $("copy").textContent = "Copied";
  } catch {
    $("copy").textContent = "Copy it from the address bar";
  }
  setTimeout(() => ($("copy").textContent = "Copy the link"), 2000);
}

function smooth() {
  $("smooth").setAttribute("aria-pressed", $("picked").classList.toggle("smooth"));
}

function addDirection({ less, more }) {
  const card = document.createElement("div");
  card.className = "direction";
  const [before, after] = ["canvas", "canvas"].map((tag) => document.createElement(tag));
  before.setAttribute("aria-hidden", true);
  after.setAttribute("aria-hidden", true);
  const middle = document.createElement("div");
  const slider = document.createElement("input");
  Object.assign(slider, { type: "range", min: -4, max: 4, step: 0.1, value: 0 });
  slider.setAttribute("aria-label", `${less} to ${more}`);
  slider.oninput = () => {
    if (walking) return;
    drawPicked();
  };
  const ends = document.createElement("div");
  ends.className = "ends";
  ends.append(...[less, more].map((text) => Object.assign(document.createElement("span"), { textContent: text })));
  middle.append(slider, ends);
  card.append(before, middle, after);
  $("directions").append(card);
}

function build() {
  const [height, width] = config.shape;
  $("picked").style.setProperty("--ratio", width / height);
  if (Math.min(height, width) >= SMOOTH) smooth();
  for (let i = 0; i < COUNT; i++) {
    const button = document.createElement("button");
    button.setAttribute("aria-label", `Picture ${i + 1}`);
    button.append(document.createElement("canvas"));
    button.onclick = () => pick(i).then(remember);
    $("grid").append(button);
  }
  config.directions.forEach(addDirection);
  if (config.classes) {
    $("classes").hidden = false;
    [null, ...config.classes.keys()].forEach((label) => {
      const button = document.createElement("button");
      button.textContent = label === null ? "All classes" : config.classes[label];
      button.onclick = () => {
        choose(label);
        return redraw();
      };
      $("classes").append(button);
    });
  }
  $("truncation").min = config.bounds ? 0 : 0.05;
  $("truncation").max = LARGEST_TRUNCATION;
  $("truncation").oninput = () => {
    tellTruncation();
    return redraw();
  };
  const another = async () => {
    await newPictures();
    await pick(0, 1);
    remember();
  };
  $("seed").onchange = another;
  $("next").onclick = () => {
    $("seed").value = Number($("seed").value) + 1;
    return another();
  };
  $("reset").onclick = () => pick(state.picked, state.before);
  $("way").oninput = () => {
    stop();
    return drawPicked();
  };
  $("walk").onclick = () => (walking ? stopAndStay() : walk());
  $("smooth").onclick = smooth;
  $("save-picked").onclick = savePicked;
  $("save-grid").onclick = saveGrid;
  $("copy").onclick = copyLink;
  addEventListener("hashchange", recall);
  if (config.encoder) {
    $("yours").hidden = false;
    takeFiles(take);
  }
}

await start(async () => {
  session = await sessionOf("model.onnx");
  if (config.encoder) encoder = await sessionOf(config.encoder.file);
  build();
  const asked = await recall();
  // Not where a picture was asked for, and not for visitors who want no motion.
  if (!asked && !matchMedia("(prefers-reduced-motion: reduce)").matches) walk();
});
