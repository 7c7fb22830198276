// Values: words, small tables of numbers, and pictures of larger arrays.

// A level of a picture as a colour: blue below zero, the page's own at zero, red above.
function colourOf(level, isDark) {
  if (level === 0) return isDark ? [70, 70, 70] : [200, 200, 200];
  const share = Math.max(-1, Math.min(1, (level - 128) / 127));
  const zero = isDark ? [24, 28, 34] : [255, 255, 255];
  const end = share < 0 ? (isDark ? [90, 160, 255] : [25, 90, 180]) : (isDark ? [255, 130, 80] : [190, 50, 15]);
  const strength = Math.abs(share) ** 0.8;
  return zero.map((from, place) => Math.round(from + (end[place] - from) * strength));
}

const isDark = () => getComputedStyle(document.documentElement).colorScheme === "dark";

function paint(shown) {
  const { rows, columns, bytes } = shown.picture;
  const levels = atob(bytes);
  const context = shown.getContext("2d");
  const image = context.createImageData(columns, rows);
  const dark = isDark();
  for (let place = 0; place < rows * columns; place += 1) {
    image.data.set([...colourOf(levels.charCodeAt(place), dark), 255], place * 4);
  }
  context.putImageData(image, 0, 0);
}

function pictureOf(told, label, most = 220, high = 110) {
  const { rows, columns } = told;
  const shown = element("canvas", { width: columns, height: rows, class: "array", role: "img", "aria-label": label });
  const scale = Math.max(1, Math.min(most / columns, high / rows, 12));
  shown.style.width = `${Math.round(columns * scale)}px`;
  shown.style.height = `${Math.round(rows * scale)}px`;
  shown.picture = told;
  paint(shown);
  return shown;
}

function tableOf(numbers) {
  const rows = Array.isArray(numbers) ? (Array.isArray(numbers[0]) ? numbers : [numbers]) : [[numbers]];
  const table = element("table", { class: "numbers" });
  for (const row of rows) {
    const line = element("tr");
    for (const number of row) line.append(element("td", { text: String(number) }));
    table.append(line);
  }
  return table;
}

// A value in full: its words, its numbers where there are few, and its picture.
function valueOf(value, label) {
  const whole = element("div", { class: "value" });
  const isSmall = Array.isArray(value.numbers) && value.numbers.length <= 16 &&
    (!Array.isArray(value.numbers[0]) || value.numbers[0].length <= 8);
  if (isSmall) whole.append(tableOf(value.numbers));
  else whole.append(element("p", { class: "words", text: inALine(value) }));
  if (value.picture && value.picture.largest !== "0" && !(isSmall && value.picture.rows * value.picture.columns <= 4)) {
    const { largest, of = "" } = value.picture;
    whole.append(pictureOf(value.picture, `${label}: ${inALine(value)}`));
    const words = [of, `${value.shape.join(" × ")}, colours from −${largest} to ${largest}`];
    whole.append(element("p", { class: "quiet", text: words.filter(Boolean).join("; ") }));
  }
  return whole;
}

function repaint() {
  for (const shown of document.querySelectorAll("canvas.array")) paint(shown);
}
