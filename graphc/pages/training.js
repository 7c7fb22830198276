// A recorded run: curves, and a slider that moves weights, activations and gradients.

const recording = data.recording;
const SERIES = ["one", "two", "three", "four"];

// The value of a vertex at the moment that the slider shows.
function recordedAt(id) {
  const frames = recording?.values[id];
  if (!frames || state.epoch === null) return null;
  const frame = frames[state.epoch];
  const words = numbersOf(frame);
  const content = [element("p", { text: words })];
  if (frame.picture) content.push(pictureOf(frame.picture, words));
  content.push(...curvesOf(frames));
  return { title: momentOf(state.epoch), content };
}

// Vertices show the numbers of the moment, where a run was recorded.
function markRecorded() {
  if (!recording || state.epoch === null) return;
  for (const each of canvas.querySelectorAll(".vertex")) {
    const frame = recording.values[meant(Number(each.dataset.vertex))]?.[state.epoch];
    if (!frame) continue;
    const [first, second] = each.querySelectorAll("text.value");
    if (first) first.textContent = second ? `mean ${frame.mean}` : `= ${frame.mean}`;
    if (second) second.textContent = `norm ${frame.norm}`;
    const gradient = each.querySelector("text.gradient");
    if (gradient && frame.gradient !== undefined) gradient.textContent = `gradient: norm ${frame.gradient}`;
  }
}

function numbersOf(frame) {
  const parts = [`mean ${frame.mean}`, `spread ${frame.spread}`, `norm ${frame.norm}`];
  if (frame.zeros > 0.005) parts.push(`${percent(frame.zeros)} zeros`);
  if (frame.gradient !== undefined) parts.push(`norm of the gradient ${frame.gradient}`);
  return parts.join(", ");
}

function momentOf(place) {
  const { epoch, part } = recording.records[place];
  if (epoch === undefined) return "Before training";
  return `Epoch ${epoch}${part === undefined ? "" : `, part ${part}`}`;
}

const curvesOf = (frames) => ["norm", "gradient"]
  .filter((name) => frames[0][name] !== undefined)
  .map((name) => element("p", { class: "spark" },
    element("span", { class: "quiet", text: name === "norm" ? "norm" : "gradient" }),
    sparkline(frames.map((frame) => Number(frame[name])))));

function sparkline(numbers, width = 150, height = 26) {
  const whole = drawn("svg", { width, height, class: "sparkline", "aria-hidden": "true" });
  const finite = numbers.filter(Number.isFinite);
  const low = Math.min(...finite, 0);
  const high = Math.max(...finite, low + 1e-30);
  const x = (place) => 2 + (place / Math.max(1, numbers.length - 1)) * (width - 4);
  const y = (number) => height - 3 - ((number - low) / (high - low)) * (height - 6);
  const points = numbers.map((number, place) => Number.isFinite(number) ? `${x(place)},${y(number)}` : null);
  whole.append(drawn("polyline", { points: points.filter(Boolean).join(" ") }));
  if (points[state.epoch ?? -1]) {
    whole.append(drawn("circle", { cx: x(state.epoch), cy: y(numbers[state.epoch]), r: 3 }));
  }
  return whole;
}

function chart() {
  const { records } = recording;
  const names = [...new Set(records.flatMap((record) => Object.keys(record)))];
  const panelsOf = [
    names.filter((name) => name.endsWith("loss")),
    names.filter((name) => /^(train|dev)_/.test(name) && !name.endsWith("loss")),
  ].filter((group) => group.length);
  return panelsOf.map((group) => oneChart(group, records));
}

function oneChart(names, records) {
  const [width, height, left, bottom] = [270, 150, 40, 20];
  const numbers = (name) => records.map((record) => (record[name] === undefined ? NaN : Number(record[name])));
  const all = names.flatMap(numbers).filter(Number.isFinite);
  const low = Math.min(...all, 0);
  const high = Math.max(...all, low + 1e-9);
  const x = (place) => left + (place / Math.max(1, records.length - 1)) * (width - left - 8);
  const y = (number) => 6 + (1 - (number - low) / (high - low)) * (height - bottom - 12);
  const label = names.map((name) => `${name.replaceAll("_", " ")} from ${numbers(name).find(Number.isFinite)} ` +
    `to ${numbers(name).at(-1)}`).join("; ");
  const whole = drawn("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": label });
  for (const number of [low, (low + high) / 2, high]) {
    whole.append(drawn("line", { x1: left, x2: width - 8, y1: y(number), y2: y(number), class: "grid" }));
    const text = drawn("text", { x: left - 5, y: y(number) + 3, class: "axis" });
    text.textContent = Number(number.toPrecision(3));
    whole.append(text);
  }
  names.forEach((name, order) => {
    const points = numbers(name).map((number, place) => (Number.isFinite(number) ? `${x(place)},${y(number)}` : null));
    whole.append(drawn("polyline", { points: points.filter(Boolean).join(" "), class: `series ${SERIES[order % 4]}` }));
  });
  const place = x(state.epoch ?? records.length - 1);
  whole.append(drawn("line", { x1: place, x2: place, y1: 4, y2: height - bottom, class: "cursor" }));
  const text = drawn("text", { x: width / 2, y: height - 4, class: "axis middle" });
  text.textContent = `epochs 0 to ${records.at(-1).epoch ?? 0}`;
  whole.append(text);
  return element("figure", {}, element("figcaption", {}, ...names.map((name, order) =>
    element("span", { class: `legend ${SERIES[order % 4]}`, text: name.replaceAll("_", " ") }))), whole);
}

function trainingPanel() {
  const curves = element("div", { class: "curves" });
  const told = element("output", { class: "moment" });
  const table = element("div");
  const slider = element("input", {
    type: "range", id: "epoch", min: 0, max: recording.records.length - 1,
    value: recording.records.length - 1, "aria-label": "Moment of the run",
  });
  const show = () => {
    curves.replaceChildren(...chart());
    const place = state.epoch ?? recording.records.length - 1;
    slider.value = place;
    const scores = Object.entries(recording.records[place])
      .filter(([name]) => /loss|^(train|dev)_|step_size/.test(name))
      .map(([name, number]) => `${name.replaceAll("_", " ")} ${number}`);
    told.textContent = [momentOf(place), ...scores].join("  ");
    slider.setAttribute("aria-valuetext", told.textContent);
    table.replaceChildren(watched(place));
  };
  slider.addEventListener("input", () => {
    state.epoch = Number(slider.value);
    change("epoch");
  });
  onChange((kind) => { if (kind === "epoch") show(); });
  show();
  const back = element("button", { type: "button", text: "Values of the page", title: "Leave the recording",
    on: { click: () => { state.epoch = null; change("epoch"); } } });
  return linked(element("div", {}, curves, element("div", { class: "slider" }, slider, back), told, table));
}

// The values that were watched, with the norm of each gradient as a bar of its logarithm.
function watched(place) {
  const rows = Object.entries(recording.values);
  const norms = rows.flatMap(([, frames]) => frames.map((frame) => frame.gradient)).filter((n) => n > 0);
  const [low, high] = [Math.log10(Math.min(...norms)), Math.log10(Math.max(...norms))];
  const table = element("table", { class: "account" }, element("tr", {},
    ...["value", "", "mean ± spread", "zeros", "norm", "norm of gradient"].map((text) => element("th", { text }))));
  for (const [id, frames] of rows) {
    const frame = frames[place];
    const bar = element("span", { class: "bar" });
    if (frame.gradient > 0) {
      bar.style.width = `${4 + 60 * ((Math.log10(frame.gradient) - low) / Math.max(high - low, 1e-9))}px`;
    }
    table.append(element("tr", { "data-vertex": id, tabindex: 0 },
      element("td", { text: titleOf(Number(id)) }),
      element("td", {}, frame.picture ? pictureOf(frame.picture, `${titleOf(Number(id))} at this moment`, 60, 24) : null),
      element("td", { text: `${frame.mean} ± ${frame.spread}` }),
      element("td", { class: "number", text: frame.zeros > 0.005 ? percent(frame.zeros) : "" }),
      element("td", { class: "number", text: frame.norm }),
      element("td", {}, bar, frame.gradient === undefined ? "" : ` ${frame.gradient}`)));
  }
  return table;
}
