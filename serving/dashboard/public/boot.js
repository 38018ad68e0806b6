// Before the first paint, so that a page in a chosen theme never flashes in the other one.
(function () {
  try {
    var kept = JSON.parse(localStorage.getItem("stock-assets.preferences") || "{}");
    if (kept.theme === "light" || kept.theme === "dark") document.documentElement.dataset.theme = kept.theme;
    if (kept.colours === "classic") document.documentElement.dataset.colours = "classic";
  } catch (_) {
    // Storage is off, or what it holds is not ours: the system's theme it is.
  }
})();
