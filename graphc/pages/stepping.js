// The passes step by step, as a debugger goes: forward values, then flows back.

const STEPPED = ["op", "block", "gradient", "gradient-block", "layer"];

function stepsNow() {
  const found = [];
  const passed = (some) => inOrder(some.filter((v) => v.refers === undefined));
  const outer = passed(vertices.filter((v) => v.parent === undefined));
  if (state.view !== "backward") outer.filter((v) => !v.backward).forEach((v) => visit(v, null, found));
  if (!["sides", "backward"].includes(state.view)) return [...found, ...flows.map((flow) => ({ flow }))];
  outer.filter((v) => v.backward).forEach((v) => visit(v, null, found));
  return found;
}

// The steps of a vertex: those inside where it is open, of an open loop at each turn.
function visit(vertex, at, found) {
  const { id } = vertex;
  if (isOpen(id)) {
    const inner = inOrder(vertex.children.map((child) => vertices[child]).filter((v) => v.refers === undefined));
    const turns = data.values?.turns[id] ? turnsAt(id, at?.title) : [undefined];
    for (const turn of turns) {
      const now = turn === undefined ? at : { holder: id, turn, title: data.values.turns[id][turn], around: at };
      inner.forEach((child) => visit(child, now, found));
    }
  } else if (STEPPED.includes(vertex.role) && (!at || isOpenable(id) || data.values.inside[id]?.[at.turn])) {
    found.push({ vertex: id, at });
  }
}

let steps = stepsNow();
let places = new Map();

const keyOf = (id, turn) => `${id} ${turn ?? ""}`;

function numberSteps() {
  steps = stepsNow();
  places = new Map();
  steps.forEach((step, place) => places.set(keyOf(step.vertex, step.at?.turn), place));
}

// True where the value of a vertex is there, at the step that is shown.
function isComputed(id) {
  if (state.step === null) return true;
  const now = leaving(id);
  const holder = bodyOf(now);
  const place = places.get(keyOf(now, holder === undefined ? undefined : turnOf(holder)));
  return place === undefined || place < state.step;
}

// The flows that arrived at a vertex so far.
function arrived(id) {
  const all = flows.filter((flow) => flow.head === id);
  return state.step === null ? all : all.filter((flow) => isDone(flow));
}

// True for a flow that a step so far was; without steps for flows, after the last one.
const isDone = (flow) => {
  const place = steps.length - flows.length + flow.id;
  return steps.at(-1)?.flow ? place < state.step : state.step === steps.length;
};

// The gradient of a vertex at the step that is shown: null where it is whole.
function accumulated(id) {
  if (state.step === null) return null;
  const all = flows.filter((flow) => flow.head === id);
  const done = arrived(id);
  if (done.length === all.length) return null;
  const last = done[done.length - 1];
  return last === undefined ? undefined : data.values?.flows[last.id]?.sofar;
}

function stepTo(count) {
  numberSteps();
  state.step = count === null ? null : Math.max(0, Math.min(steps.length, count));
  const current = state.step ? steps[state.step - 1] : null;
  if (current) {
    const id = current.vertex ?? current.flow.head;
    if (current.flow && state.view === "forward") {
      state.view = "overlay";
      change("view");
    }
    state.selected = id;
    for (let at = current.at; at; at = at.around) state.turns.set(at.holder, at.turn);
    if (current.at) draw();
    change("select step");
    bringIntoView(id);
  } else change("step");
  tellStep(current);
}

function tellStep(current) {
  const shown = document.getElementById("step");
  shown.replaceChildren();
  if (state.step === null) {
    shown.textContent = "Step through with n and p";
    return;
  }
  const count = element("b", { text: `${state.step} of ${steps.length}` });
  let words = state.step ? "" : "inputs and parameters are there";
  if (current?.vertex !== undefined) {
    const value = valueNow(current.vertex);
    const pass = vertices[current.vertex].backward ? "backward" : "forward";
    const turn = current.at?.title ? `, ${current.at.title}` : "";
    words = `${pass}${turn}: ${titleOf(current.vertex)}${value ? ` = ${inALine(value)}` : ""}`;
  }
  if (current?.flow) {
    const { flow } = current;
    const all = flows.filter((each) => each.head === flow.head && each.lines.length);
    const place = arrived(flow.head).length;
    const told = data.values?.flows[flow.id];
    words = `backward: ${flow.lines.join(" ")}`;
    if (told) words += ` → ${inALine(told.value)}`;
    if (all.length > 1) {
      words += ` (${place} of ${all.length} added up${told?.sofar ? `: ${inALine(told.sofar)}` : ""})`;
    }
  }
  shown.append(count, ` ${words}`);
  announce(`Step ${state.step} of ${steps.length}. ${words}`);
}

// What is not computed yet is pale, and what the step computes has a ring.
function markSteps() {
  const current = state.step ? steps[state.step - 1] : null;
  const reached = new Set(flows.filter(isDone).map((flow) => flow.head));
  for (const each of canvas.querySelectorAll(".vertex")) {
    const id = Number(each.dataset.vertex);
    each.classList.toggle("pending", state.step !== null && !isComputed(meant(id)));
    const isHere = current && (current.vertex === id || current.flow?.head === id);
    each.classList.toggle("current", Boolean(isHere));
    const known = state.step === null || reached.has(id);
    for (const text of each.querySelectorAll("text.gradient")) text.classList.toggle("pending", !known);
  }
  const done = state.step === null ? null : new Set(flows.filter(isDone).map((flow) => flow.id));
  for (const each of canvas.querySelectorAll(".flow")) {
    const ids = each.dataset.flows.split(" ").map(Number);
    each.classList.toggle("pending", done !== null && !ids.some((id) => done.has(id)));
    each.classList.toggle("current", Boolean(current?.flow && ids.includes(current.flow.id)));
  }
}

const stepBy = (count) => stepTo((state.step ?? (count > 0 ? 0 : steps.length)) + count);

document.getElementById("first").addEventListener("click", () => stepTo(0));
document.getElementById("previous").addEventListener("click", () => stepBy(-1));
document.getElementById("next").addEventListener("click", () => stepBy(1));
document.getElementById("last").addEventListener("click", () => stepTo(null));
