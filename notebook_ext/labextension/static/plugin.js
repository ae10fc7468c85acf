// The plugin: puts the panel, the status-bar item and the commands into JupyterLab (or what of it Notebook has).
// Not here: what they show (panel) or where it comes from (runs).

import { activeRuns, runsModel, serverRequest } from "./runs.js";
import { element, paintPanel, paintStatus, visible } from "./panel.js";

const ICON = '<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24"><g class="jp-icon3 jp-icon-selectable" fill="#616161"><path d="M3 19h18v2H3zM4 12l5 3 5-8 6 4-1.1 1.7-4.3-2.9-4.9 8L3 13.700z"/></g></svg>';

/** The plugin, given JupyterLab's own modules (null where the application lacks one). */
export function makePlugin({ widgets, services, apputils, statusbar, ui, style }) {
  const tokens = [apputils?.ICommandPalette, apputils?.ILayoutRestorer, statusbar?.IStatusBar];
  return {
    id: "rltf:runs",
    description: "Runs of rltf: a side panel, a status-bar item and palette commands.",
    autoStart: true,
    optional: tokens.filter(Boolean),
    activate(app, ...given) {
      const found = new Map(tokens.filter(Boolean).map((token, place) => [token, given[place]]));
      const [palette, , bar] = tokens.map((token) => found.get(token) ?? null);
      document.head.append(element("link", { rel: "stylesheet", href: style }));
      const model = runsModel(serverRequest(services, app.serviceManager.serverSettings));
      const open = () => app.shell.activateById("rltf-runs");
      const actions = actionsOf({ app, model, widgets, apputils });
      addPanel({ app, model, widgets, ui, actions });
      if (bar) addStatus({ model, widgets, bar, open });
      addCommands({ app, model, palette, open, actions });
      app.restored.then(() => model.look());
    },
  };
}

function actionsOf({ app, model, widgets, apputils }) {
  const tell = (error) => apputils.showErrorMessage("rltf", String(error.message ?? error));
  return {
    look: () => model.look(),
    command: (run, command) => model.command(run, command).catch(tell),
    report: (run) => showReport({ app, widgets, apputils }, run, model.report(run, document.body.dataset.jpThemeLight === "false" ? "dark" : "light")).catch(tell),
    // in Notebook, every document is a page of its own: a new one cannot be filled from here
    watch: app.name === "JupyterLab" ? (run) => watchInNotebook(app, run).catch(tell) : null,
    watchTab: app.name === "JupyterLab" ? (run) => watchInNotebook(app, run).then((panel) => outputInTab(app, panel)).catch(tell) : null,
  };
}

function addPanel({ app, model, widgets, ui, actions }) {
  const panel = new widgets.Widget();
  panel.id = "rltf-runs";
  panel.addClass("rltf-panel");
  panel.title.caption = "rltf runs";
  if (ui?.LabIcon) panel.title.icon = new ui.LabIcon({ name: "rltf:runs", svgstr: ICON });
  else panel.title.label = "rltf";
  panel.node.setAttribute("role", "region");
  panel.node.setAttribute("aria-label", "rltf runs");
  model.watch((state) => panel.isVisible && paintPanel(panel.node, state, actions));
  const shown = (visible) => {
    model.watched = visible;
    if (visible) model.look();
  };
  panel.onAfterShow = () => shown(true);
  panel.onAfterHide = () => shown(false);
  paintPanel(panel.node, model.get(), actions);
  app.shell.add(panel, "left", { rank: 550 });
}

function addStatus({ model, widgets, bar, open }) {
  const item = new widgets.Widget();
  item.addClass("rltf-status");
  model.watch((state) => paintStatus(item.node, state, open));
  bar.registerStatusItem("rltf:running", { item, align: "left", rank: 90 });
}

function addCommands({ app, model, palette, open, actions }) {
  const category = "rltf";
  const current = (states) => activeRuns(model.get().runs).find((run) => states.includes(run.state));
  const newest = () => model.get().runs[0];
  const commands = [
    ["show-runs", "Show runs", open, () => true],
    ["report", "Open the newest run's report", () => actions.report(newest()), () => Boolean(newest())],
    ["pause", "Pause the running job", () => actions.command(current(["starting", "running", "evaluating"]), "pause"), () => Boolean(current(["starting", "running", "evaluating"]))],
    ["resume", "Resume the paused job", () => actions.command(current(["paused"]), "resume"), () => Boolean(current(["paused"]))],
    ["stop", "Stop the running job (with a checkpoint)", () => actions.command(activeRuns(model.get().runs)[0], "stop"), () => activeRuns(model.get().runs).length > 0],
  ];
  if (actions.watch) commands.push(["watch", "Watch the newest run in a new notebook", () => actions.watch(newest()), () => Boolean(newest())]);
  if (actions.watchTab) commands.push(["watch-tab", "Watch the newest run in a tab of its own", () => actions.watchTab(newest()), () => Boolean(newest())]);
  for (const [name, words, execute, isEnabled] of commands) {
    const label = `rltf: ${words}`; // so that typing "rltf" finds it, whatever else the palette holds
    app.commands.addCommand(`rltf:${name}`, { label, caption: label, execute, isEnabled });
    palette?.addItem({ command: `rltf:${name}`, category });
  }
  model.watch(() => app.commands.notifyCommandChanged());
}

/** The run's page in a tab, in a frame whose scripts have an origin of their own; the tab opens at once and says what it waits for. */
async function showReport({ app, widgets, apputils }, run, html) {
  const content = new widgets.Widget();
  const waiting = element("p", { class: "rltf-waiting", role: "status" }, `The page of ${visible(run.name)} is being made…`);
  const frame = element("iframe", { title: `report of ${visible(run.name)}`, sandbox: "allow-scripts allow-downloads", class: "rltf-report" });
  content.node.append(waiting);
  const widget = new apputils.MainAreaWidget({ content });
  widget.title.label = visible(run.name);
  widget.title.closable = true;
  app.shell.add(widget, "main");
  app.shell.activateById(widget.id);
  try {
    frame.srcdoc = await html;
    waiting.replaceWith(frame);
  } catch (error) {
    widget.close();
    throw error;
  }
}

/** The output of a notebook's first cell in a tab of its own, beside the notebook's. */
async function outputInTab(app, panel) {
  panel.content.activeCellIndex = 0;
  await app.commands.execute("notebook:create-output-view");
  const view = app.shell.currentWidget;
  if (view && view !== panel) app.shell.add(view, "main", { mode: "tab-after", ref: panel.id });
}

/** A new notebook with the live view of a run. */
async function watchInNotebook(app, run) {
  const specs = app.serviceManager.kernelspecs;
  await specs.ready;
  const panel = await app.commands.execute("notebook:create-new", { cwd: "", kernelName: specs.specs?.default });
  await panel.context.ready;
  await panel.sessionContext.ready;
  // a JSON string is a Python string too: whatever the folder is called, it stays one argument
  const source = `from notebook_ext import TrainingView\nTrainingView(${JSON.stringify(run.path)})`;
  panel.content.activeCell.model.sharedModel.setSource(source);
  await app.commands.execute("notebook:run-cell");
  return panel;
}
