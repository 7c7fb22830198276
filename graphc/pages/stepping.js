// The passes step by step, as a debugger goes: forward values, then flows back.

function stepsNow() {
  const found = [];
  const visit = (vertex) => {
    if (isOpen(vertex.id)) inOrder(vertex.children.map((child) => vertices[child])).forEach(visit);
    else if (["op", "block", "gradient", "gradient-block", "layer"].includes(vertex.role)) found.push({ vertex: vertex.id });
  };
  inOrder(vertices.filter((v) => v.parent === undefined && !v.backward && v.refers === undefined)).forEach(visit);
  return [...found, ...flows.map((flow) => ({ flow }))];
}

let steps = stepsNow();

// True where the value of a vertex is there, at the step that is shown.
function isComputed(id) {
  if (state.step === null) return true;
  const place = steps.findIndex((step) => step.vertex !== undefined && isInside(step.vertex, seen(id)));
  return place < state.step || place === -1;
}

// The flows that arrived at a vertex so far.
function arrived(id) {
  const done = state.step === null ? steps : steps.slice(0, state.step);
  return done.filter((step) => step.flow?.head === id).map((step) => step.flow);
}

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
  steps = stepsNow();
  state.step = count === null ? null : Math.max(0, Math.min(steps.length, count));
  const current = state.step ? steps[state.step - 1] : null;
  if (current) {
    const id = current.vertex ?? current.flow.head;
    if (current.flow && state.view === "forward") {
      state.view = "overlay";
      change("view");
    }
    state.selected = id;
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
    const value = data.values?.vertices[current.vertex];
    words = `forward: ${titleOf(current.vertex)}${value ? ` = ${inALine(value)}` : ""}`;
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
  for (const each of canvas.querySelectorAll(".vertex")) {
    const id = Number(each.dataset.vertex);
    each.classList.toggle("pending", state.step !== null && !isComputed(meant(id)));
    const isHere = current && (current.vertex === id || current.flow?.head === id);
    each.classList.toggle("current", Boolean(isHere));
    const known = state.step === null || arrived(id).length > 0;
    for (const text of each.querySelectorAll("text.gradient")) text.classList.toggle("pending", !known);
  }
  const done = state.step === null ? null : new Set(steps.slice(0, state.step).map((step) => step.flow?.id));
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
