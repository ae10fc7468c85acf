// What JupyterLab loads: a module-federation container written by hand, so that nothing has to be built.
// JupyterLab gives it the scope of shared modules (`init`) and asks it for the plugin (`get`).
// Not here: what the plugin does (plugin.js).

(() => {
  const here = document.currentScript.src;
  let shared = {};

  /** A module of JupyterLab's own, such as "@lumino/widgets"; null where this application has none of that name. */
  async function sharedModule(name) {
    const versions = Object.values(shared[name] ?? {});
    const found = versions.find((version) => version.loaded) ?? versions[0];
    return found ? (await found.get())() : null;
  }

  window._JUPYTERLAB = window._JUPYTERLAB ?? {};
  window._JUPYTERLAB.rltf = {
    init(scope) {
      shared = scope;
    },
    async get() {
      const { makePlugin } = await import(new URL("plugin.js", here).href);
      const names = ["@lumino/widgets", "@jupyterlab/services", "@jupyterlab/apputils", "@jupyterlab/statusbar", "@jupyterlab/ui-components"];
      const [widgets, services, apputils, statusbar, ui] = await Promise.all(names.map(sharedModule));
      const plugin = makePlugin({ widgets, services, apputils, statusbar, ui, style: new URL("panel.css", here).href });
      return () => ({ __esModule: true, default: plugin });
    },
  };
})();
