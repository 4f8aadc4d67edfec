import { mountCompare } from "./compare.js";
import { byArrows, showTab } from "./controls.js";
import { mountCurves } from "./curves.js";
import { mountData } from "./data.js";
import { mountDiagram } from "./diagram.js";
import { count, dark, element, takeColors } from "./draw.js";
import { mountEquations } from "./equations.js";
import { mountFindings } from "./findings.js";
import { mountInspector } from "./inspect.js";
import { mountLessons } from "./lessons.js";
import { mountNetwork } from "./network.js";
import { mountPlane } from "./plane.js";
import { mountRuns } from "./runs.js";
import { Store } from "./store.js";
import { mountTake } from "./take.js";
import { mountTime } from "./time.js";
import { mountWalk } from "./walk.js";

const TABS = [
  { name: "equations", label: "Equations", mount: mountEquations },
  { name: "walk", label: "One example", mount: mountWalk },
  { name: "findings", label: "Diagnosis", mount: mountFindings },
  { name: "lessons", label: "Lessons", mount: mountLessons },
];

/**
 * The whole page, in an element, over a link.
 * @param {HTMLElement} place
 * @param {import("./link.js").Link} link
 * @returns {Store}
 */
export function mount(place, link) {
  const store = new Store(link);
  store.root = place;
  place.classList.add("lab");
  takeColors(place);
  const said = element("div.said", { role: "status", "aria-live": "polite" });
  const summary = element("span.summary");
  const data = element("div.data-choice");
  const runs = element("nav.runs", { "aria-label": "runs" });
  const take = element("div.take");
  const theme = element("button.quiet", { type: "button", "aria-label": "dark or light", title: "dark or light", click: turn }, "◐");
  const time = element("section.time", { "aria-label": "time" });
  const panel = (name, label, mountOn) => {
    const made = element(`section.panel.${name}`, { "aria-label": label }, element("h2.hidden", {}, label));
    mountOn(made, store);
    return made;
  };
  const costs = panel("costs", "costs", () => {});
  const curves = panel("curves", "curves", (made) => mountCurves(costs, made, store));
  mountTime(time, store);
  mountRuns(runs, store);
  mountData(data, store);
  mountTake(take, store);
  mountInspector(place, store);
  place.append(
    element("header", {}, element("h1", {}, "chainrule ", element("span", {}, "lab")), data, summary, runs, take, theme),
    time,
    element("main", {},
      panel("compare", "comparison", mountCompare), panel("plane", "data", mountPlane),
      panel("network", "network", (made, shared) => mountNetwork(made, shared, (under, controls) => mountDiagram(under, shared, controls))),
      tabs(store), costs, curves),
    said);

  store.on("lab", () => {
    const { sizes, parameters, data: about } = store.run;
    summary.textContent = `${sizes.join("-")} · ${count(parameters)} parameters · ${count(about.m)} examples${about.m_val ? ` + ${count(about.m_val)} held out` : ""}`;
  });
  store.on("link", (open) => {
    place.classList.toggle("lost", !open);
    said.replaceChildren(...(open ? [] : [element("p.error", {}, link.lost)]));
  });
  store.on("say", ({ text, kind }) => {
    const line = element(`p.${kind}`, {}, text, element("button.quiet", { type: "button", "aria-label": "close", click: () => line.remove() }, "×"));
    said.append(line);
    while (said.children.length > 3) said.firstChild.remove();
    if (kind === "note") setTimeout(() => line.remove(), 6000);
  });

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => store.refresh());

  function turn() {
    place.dataset.theme = dark() ? "light" : "dark";
    store.refresh();
  }
  return store;
}

/** The panels on the right, one at a time. */
function tabs(store) {
  const list = element("div.tabs", { role: "tablist", "aria-label": "working" });
  const place = element("section.panel.work", { "aria-label": "working" }, list);
  const made = TABS.map(({ name, label, mount }) => {
    const tab = element("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, click: () => store.select({ tab: name }) }, label);
    const body = element("div.body", { role: "tabpanel", id: `panel-${name}`, "aria-labelledby": `tab-${name}`, tabindex: 0 }, element("h2.hidden", {}, label));
    mount(body, store);
    list.append(tab);
    place.append(body);
    return { name, tab, body };
  });
  byArrows(list, () => made.findIndex(({ name }) => name === store.selection.tab), (k) => store.select({ tab: made[k].name }));
  const show = () => made.forEach(({ name, tab, body }) => showTab(tab, body, name === store.selection.tab));
  store.on("select", show);
  show();
  return place;
}
