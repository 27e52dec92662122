/* Runs of models on an entry, with what their evaluations came to. */
import {downloadPage, json, nextToken, url} from "./api.js";
import {announce, badge, command, decimal, h, moment, number, replace} from "./dom.js";

const MAIN = ["AP", "AP50", "mAP", "mAP@0.5", "miou", "accuracy", "f1", "roc_auc"];
const SHOWN = 4;
const MOST = 500;

async function all(parts, query, name, signal) {
  const found = [];
  let token = null;
  do {
    const reply = await json(url(parts, {...query, limit: 100, token}), {signal});
    found.push(...reply[name]);
    token = nextToken(reply);
  } while (token && found.length < MOST);
  return {found, more: token !== null};
}

function metrics(evaluation) {
  const names = MAIN.filter((name) => Number.isFinite(evaluation.metrics?.[name])).slice(0, SHOWN);
  return names.length > 0 && h("dl", {class: "metrics"}, names.map((name) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, decimal(evaluation.metrics[name])))));
}

/* A page that everybody may see is a link; another needs the token, so it is saved
 * with its pictures in it. */
function report(entry, evaluation, run) {
  const path = url(["v1", "evaluations", evaluation.id, "report"]);
  const label = `Report of run ${run.name}`;
  if (entry.data.public) return h("a", {class: "button", href: path, target: "_blank", rel: "noopener", "aria-label": label}, "Report");
  return h("button", {type: "button", "aria-label": `Save the ${label.toLowerCase()}`, onclick: async (event) => {
    event.target.disabled = true;
    try {
      await downloadPage(url(["v1", "evaluations", evaluation.id, "report"], {pictures: 1}), `report-${evaluation.id}.html`);
      announce("The report is saved.");
    } catch (error) {
      event.target.after(h("p", {class: "notice", role: "alert"}, error.message));
    }
    event.target.disabled = false;
  }}, "Save report");
}

function one(entry, evaluation, run) {
  const words = Object.entries(evaluation.parameters ?? {}).map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`);
  return h("li", {"data-evaluation": evaluation.id},
    h("span", {class: "muted"}, words.length > 0 ? words.join(", ") : "default parameters"),
    evaluation.state !== "done" && badge(evaluation.state, evaluation.state === "failed" ? "private" : ""),
    evaluation.state === "failed" && h("p", {class: "notice"}, evaluation.message),
    evaluation.state === "done" && metrics(evaluation), evaluation.state === "done" && report(entry, evaluation, run));
}

function row(entry, run, evaluations) {
  return h("li", {class: "panel", "data-run": run.id},
    h("div", {class: "top"}, h("h2", {}, run.name), badge(run.state),
      h("span", {class: "muted"}, `${run.model.name} · ${run.owner} · ${moment(run.created_at)}`)),
    h("p", {class: "muted"}, `${number(run.predictions)} predictions on ${number(run.predicted)} of ${number(run.samples)} samples of version ${run.version}`,
      run.group && `, group ${run.group}`),
    evaluations.length > 0 && h("ul", {class: "evaluations"}, evaluations.map((evaluation) => one(entry, evaluation, run))));
}

export async function showRuns(place, entry, signal) {
  const {id} = entry.data;
  const [runs, evaluations] = await Promise.all([all(["v1", "entries", id, "runs"], {}, "runs", signal),
    all(["v1", "evaluations"], {entry: id}, "evaluations", signal)]);
  if (runs.found.length === 0) {
    replace(place, h("div", {class: "panel empty"}, h("h2", {}, "No run yet"),
      h("p", {class: "muted"}, "A run is what one model predicts on the samples. It is sent from a store that was pulled:"),
      command("vedatile submit store.h5 --run NAME")));
    return;
  }
  replace(place, h("ul", {class: "releases runs"}, runs.found.map((run) =>
    row(entry, run, evaluations.found.filter((evaluation) => evaluation.run.id === run.id)))),
  runs.more && h("p", {class: "muted"}, `The newest ${number(runs.found.length)} runs are shown.`));
}
