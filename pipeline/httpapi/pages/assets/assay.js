// Everything works without this script; it only adds.
(function () {
  "use strict";
  // A form is sent once, however often its button is pressed; and one with
  // data-guard not before its page was there for a moment, so that the second
  // click on the page before decides nothing here.
  var GUARD = 250, ready = false, waiting;
  document.addEventListener("submit", function (e) {
    var form = e.target;
    if (form.method !== "post") return;
    if (document.body.dataset.sent || form.hasAttribute("data-guard") && !ready) { e.preventDefault(); return; }
    document.body.dataset.sent = "1";
  });
  // The back button brings the page back as it was left: let forms go again.
  window.addEventListener("pageshow", function () {
    delete document.body.dataset.sent;
    ready = false;
    clearTimeout(waiting);
    waiting = setTimeout(function () { ready = true; document.body.dataset.ready = "1"; }, GUARD);
  });
  window.addEventListener("pagehide", function () { delete document.body.dataset.ready; });

  // Keys: an element with data-key is pressed by its key. They can be turned off,
  // and never act while somebody types (WCAG 2.1.4).
  var toggle = document.querySelector("[data-keys]");
  function off() { try { return localStorage.getItem("keys") === "off"; } catch (e) { return false; } }
  function tell() { toggle.textContent = off() ? "Turn keys on" : "Turn keys off"; document.body.classList.toggle("keyless", off()); }
  if (toggle) {
    toggle.hidden = false;
    tell();
    toggle.addEventListener("click", function () {
      try { localStorage.setItem("keys", off() ? "on" : "off"); } catch (e) { /* they stay as they are */ }
      tell();
    });
  }
  document.addEventListener("keydown", function (e) {
    if (e.ctrlKey || e.metaKey || e.altKey || e.repeat || e.isComposing || off()) return;
    var at = e.target;
    if (at.closest("input, textarea, select, [contenteditable]")) return;
    if (e.key === "Enter" && at.closest("a, button, summary")) return;
    if (e.key === "/") {
      var field = document.querySelector("input[type=search]");
      if (field) { e.preventDefault(); field.focus(); field.select(); }
      return;
    }
    var target = document.querySelector('[data-key="' + CSS.escape(e.key) + '"]');
    if (target) { e.preventDefault(); target.click(); }
  });

  // Answers as one types: the results of a form with data-live are fetched and put
  // in their place; the address follows, so that it can be kept and sent on.
  var live = document.querySelector("form[data-live]");
  if (live) {
    var place = document.getElementById(live.dataset.live), timer, asked = 0;
    var ask = function () {
      var query = new URLSearchParams(new FormData(live)), n = ++asked;
      var to = live.action + "?" + query;
      query.set("part", "results");
      fetch(live.action + "?" + query, { headers: { Accept: "text/html" }, credentials: "same-origin" }).then(function (r) {
        if (r.headers.get("X-Part") !== "results") throw new Error("not the part");
        return r.text();
      }).then(function (html) {
        if (n !== asked) return; // somebody has typed on
        place.innerHTML = html;
        history.replaceState(null, "", to);
      }).catch(function () { /* the button still asks */ });
    };
    live.addEventListener("input", function () { clearTimeout(timer); timer = setTimeout(ask, 150); });
  }
})();
