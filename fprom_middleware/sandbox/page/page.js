// The page's life: events pushed by the sandbox, forms sent without leaving the page.
// What is inserted was written, and escaped, by the server that also wrote the page.

const ROWS = 200;
const MARKED = 1000; // milliseconds
const byId = (id) => document.getElementById(id);
const store = {
  get(key) { try { return localStorage.getItem(key); } catch { return null; } },
  set(key, value) { try { localStorage.setItem(key, value); } catch { /* a private window */ } },
};

// --- light, dark, or what the system says

const THEMES = ["system", "light", "dark"];

function showTheme(theme) {
  if (theme === "system") {
    delete document.documentElement.dataset.theme;
  } else {
    document.documentElement.dataset.theme = theme;
  }
  byId("theme").textContent = `Theme: ${theme}`;
}

function startTheme() {
  const stored = store.get("theme");
  let theme = THEMES.includes(stored) ? stored : "system";
  showTheme(theme);
  byId("theme").addEventListener("click", () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    store.set("theme", theme);
    showTheme(theme);
  });
}

// --- how long ago; words.py says the same

function ago(moment) {
  const seconds = (Date.now() - moment) / 1000;
  if (seconds < 1) return "now";
  for (const [unit, name] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= unit) return `${Math.floor(seconds / unit)} ${name} ago`;
  }
  return `${Math.floor(seconds)} s ago`;
}

function tellTimes() {
  for (const time of document.querySelectorAll("time")) {
    const text = ago(Date.parse(time.dateTime));
    if (time.textContent !== text) time.textContent = text;
  }
}

// --- what arrives

function build(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

function firstVisible(list) {
  for (const row of list.children) {
    const { top, bottom } = row.getBoundingClientRect();
    if (bottom > 0) return { row, top };
  }
  return null;
}

function putRow(list, id, html, marked) {
  const row = build(html);
  const old = byId(id);
  let focused = false;
  if (old) {
    row.querySelector("details").open = old.querySelector("details").open;
    focused = old.contains(document.activeElement);
    old.remove();
  }
  list.prepend(row);
  if (focused) row.querySelector("summary").focus({ preventScroll: true });
  if (marked) {
    row.classList.add("new");
    setTimeout(() => row.classList.remove("new"), MARKED);
  }
  return row;
}

function putRows(rows, whole) {
  const list = byId("rows");
  const kept = list.getBoundingClientRect().top < 0 ? firstVisible(list) : null;
  const open = new Set([...list.querySelectorAll(".row > details[open]")].map((d) => d.parentElement.id));
  if (whole) list.replaceChildren();
  for (const [id, html] of rows.toReversed()) {
    const row = putRow(list, id, html, !whole);
    if (whole && open.has(id)) row.querySelector("details").open = true;
  }
  while (list.children.length > ROWS) list.lastElementChild.remove();
  if (kept && kept.row.isConnected) {
    window.scrollBy({ top: kept.row.getBoundingClientRect().top - kept.top, behavior: "instant" });
  }
  if (rows.length && !whole) {
    const summary = byId(rows[0][0]).querySelector("summary");
    const said = [".email", ".kind", ".outcome > span"].map((part) => summary.querySelector(part).textContent);
    byId("newest").textContent = said.join(", ");
  }
}

function putPart(id, html) {
  const part = byId(id);
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  part.innerHTML = html;
  if (focused) (byId(focused) || part.querySelector("button, a"))?.focus({ preventScroll: true });
}

function tellShown() {
  const shown = byId("rows").children.length;
  byId("shown").textContent = shown < parseInt(byId("count").textContent, 10) ? `${shown} of ` : "";
}

function receive(message) {
  document.title = message.title;
  for (const [id, html] of Object.entries(message.parts)) {
    const before = byId(id).textContent.trim();
    if (id === "steps" && (html === "") !== (before === "")) byId("setup").open = html !== "";
    putPart(id, html);
  }
  putRows(message.rows, message.whole);
  tellShown();
  if ("links" in message.parts) {
    if (!store.get("app-url")) byId("app-url").value = new URL(byId("links").querySelector("a").href).origin;
    showLinks();
  }
  showCopyButtons();
  tellTimes();
}

// --- the stream

let stream = null;

function say(state, text) {
  const element = byId("state");
  element.className = `state ${state}`;
  element.textContent = text;
}

function listen(seen) {
  stream?.close();
  const query = new URLSearchParams(new FormData(byId("filter")));
  query.set("seen", seen);
  stream = new EventSource(`/events?${query}`);
  stream.addEventListener("open", () => say("live", "live"));
  stream.addEventListener("message", (event) => receive(JSON.parse(event.data)));
  stream.addEventListener("bye", () => say("stopped", "sandbox stopped"));
  stream.addEventListener("error", () => {
    say("stopped", "sandbox stopped");
    // A server that answers anything but a stream ends the browser's own tries.
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => listen(""), 1000);
  });
}

// --- forms and buttons

function startFilter() {
  const form = byId("filter");
  let timer;
  function apply() {
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    history.replaceState(null, "", query.size ? `/?${query}` : "/");
    const { all, some } = byId("empty").dataset;
    byId("empty").textContent = query.size ? some : all;
    listen("");
  }
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(apply, 150);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    apply();
  });
}

function startForms() {
  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    event.preventDefault();
    const body = new URLSearchParams(new FormData(form, event.submitter));
    try {
      const answer = await fetch(form.getAttribute("action"), {
        method: "POST", body, headers: { accept: "application/json" },
      });
      if (!answer.ok) say("stopped", (await answer.json()).message);
    } catch {
      say("stopped", "sandbox stopped");
    }
  });
}

function showCopyButtons() {
  for (const button of document.querySelectorAll(".copy[hidden]")) button.hidden = false;
}

function startCopying() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest(".copy");
    if (!button) return;
    const pre = button.parentElement.querySelector("pre");
    try {
      await navigator.clipboard.writeText(pre.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(pre);
      button.textContent = "Press Ctrl-C";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}

function showLinks() {
  const input = byId("app-url");
  const typed = store.get("app-url");
  let base;
  try { base = new URL(typed || input.value).href.replace(/[?#].*$/, "").replace(/\/$/, ""); } catch { return; }
  if (typed) input.value = typed;
  for (const link of byId("links").querySelectorAll("a")) {
    const query = link.getAttribute("href").split("?").pop();
    link.href = `${base}/?${query}`;
    link.textContent = link.href;
  }
}

function startLinks() {
  const input = byId("app-url");
  input.parentElement.hidden = false;
  input.addEventListener("input", () => {
    store.set("app-url", input.value);
    if (input.validity.valid) showLinks();
  });
  showLinks();
}

// On a phone what arrived comes first.
function startFold() {
  const narrow = matchMedia("(max-width: 40rem)");
  const fold = () => { byId("trouble-fold").open = !narrow.matches; };
  narrow.addEventListener("change", fold);
  fold();
}

function startKeys() {
  byId("rows").addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !event.target.matches(".row > details > summary")) return;
    const lines = [...byId("rows").querySelectorAll(".row > details > summary")];
    const next = lines[lines.indexOf(event.target) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  });
}

document.body.classList.add("live-page");
byId("theme").hidden = false;
startTheme();
startFilter();
startForms();
startCopying();
startLinks();
startKeys();
startFold();
showCopyButtons();
tellTimes();
setInterval(tellTimes, 1000);
listen(document.body.dataset.stream);
