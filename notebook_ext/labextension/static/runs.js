// The runs as the server tells of them: asked for again and again, and whoever listens is told.
// Not here: elements; the server's half is notebook_ext/server.py.

export const ACTIVE = ["starting", "running", "evaluating", "paused"];
export const GLYPHS = { starting: "…", running: "●", evaluating: "◐", paused: "❚❚", finished: "✓", stopped: "■", failed: "✗", unreadable: "?" };
const OFTEN = 2000; // milliseconds between two looks while a run is active, or the panel is open
const SELDOM = 15000;
export const LONG = 120; // seconds without news after which an active run is said to be quiet
const GONE = 3600; // after which it is no running job any more

/** Runs that are being trained, the one that changed last first. */
export function activeRuns(runs) {
  return runs.filter((run) => ACTIVE.includes(run.state) && run.quiet < GONE);
}

/** One line about how far a run is. */
export function progressText(run) {
  const step = run.steps ? `step ${run.step} of ${run.steps}` : `step ${run.step}`;
  const silent = ACTIVE.includes(run.state) && run.state !== "paused" && run.quiet > LONG ? `no news for ${Math.round(run.quiet / 60)} min` : null;
  return [step, silent].filter(Boolean).join(" · ");
}

/** Results known so far, as text; empty where there are none. */
export function resultText({ pass_rate: rate, held_out: heldOut }) {
  const percent = (value) => `${(100 * value).toFixed(1).replace(/\.0$/, "")}%`;
  if (heldOut?.length) return `held-out pass@1 ${heldOut[0] === heldOut[1] ? "" : `${percent(heldOut[0])} → `}${percent(heldOut[1])}`;
  return typeof rate === "number" ? `pass rate ${percent(rate)}` : "";
}

/**
 * Asks the server; `request(path, body?)` gives its answer as data. `watch(listener)` tells of every change of
 * `{runs, more, failure}`; `look()` asks now; `watched` says whether the panel is open.
 */
export function runsModel(request, { timer = setTimeout } = {}) {
  const listeners = new Set();
  let state = { runs: [], more: 0, failure: "", looked: false };
  let round = 0;
  const model = {
    watched: false,
    get: () => state,
    watch: (listener) => listeners.add(listener),
    look,
    async command(run, command) {
      await request("command", { path: run.path, command });
      await look();
    },
    report: async (run, theme) => (await request(`report?path=${encodeURIComponent(run.path)}&theme=${theme}`)).html,
  };
  const tell = (change) => {
    state = { ...state, ...change, looked: true };
    for (const listener of listeners) listener(state);
  };
  async function look() {
    const own = (round += 1);
    try {
      const { runs, more } = await request("runs");
      if (own === round) tell({ runs, more, failure: "" });
    } catch (error) {
      if (own === round) tell({ failure: String(error.message ?? error) });
    }
    if (own === round) timer(() => own === round && look(), model.watched || activeRuns(state.runs).length ? OFTEN : SELDOM);
  }
  return model;
}

/** A function that asks JupyterLab's server, with its own address and credentials. */
export function serverRequest({ ServerConnection }, settings) {
  return async (path, body) => {
    const options = body ? { method: "POST", body: JSON.stringify(body) } : {};
    const response = await ServerConnection.makeRequest(`${settings.baseUrl}rltf/${path}`, options, settings);
    if (response.status === 404 && path === "runs") throw new Error("The server has no rltf: install it where JupyterLab itself runs, then start JupyterLab again.");
    if (!response.ok) throw new Error(`The server answered ${response.status} ${response.statusText}`);
    return response.json();
  };
}
