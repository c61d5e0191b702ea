// Filters, sorts and continues the table of accounts, and says how long ago times are. All texts
// are set as text, never as markup. The view is in the address: it can be sent to a colleague.
"use strict";
(() => {
  const STEP = 200;
  const BADNESS = { CRITICAL: 3, WARNING: 2, UNKNOWN: 1, OK: 0 };
  const KEYS = ["q", "state", "task", "server", "customer", "reseller", "client", "sort"];
  const UNITS = [["d", 864e5], ["h", 36e5], ["min", 6e4]];

  function span(ms) {
    const past = Math.abs(ms);
    for (const [unit, size] of UNITS) if (past >= size * (unit === "d" ? 2 : 1)) return `${Math.floor(past / size)} ${unit}`;
    return "0 min";
  }

  function relate(root) {
    const now = Date.now();
    for (const each of root.querySelectorAll(":not(.until) > time")) {
      const ms = now - Date.parse(each.dateTime);
      let bold = each.querySelector("b");
      if (!bold) {
        bold = document.createElement("b");
        const absolute = make("span", each.textContent, { class: "abs" });
        each.replaceChildren(bold, " ", absolute);
      }
      bold.textContent = ms < 0 ? `in ${span(ms)}` : `${span(ms)} ago`;
    }
  }

  function watch(age) {
    const limit = Date.parse(age.dataset.tooOld || "");
    const update = () => {
      const strong = age.querySelector("strong");
      if (Date.now() > limit && !age.classList.contains("old")) {
        age.classList.add("old");
        strong.firstChild.textContent = "Too old: data ";
      }
      relate(document);
    };
    update();
    setInterval(update, 3e4);
    reload(age);
  }

  function reload(age) {
    const seconds = Number(age.dataset.refresh);
    const live = document.getElementById("live");
    if (!seconds) live.closest("label").remove();
    // Not while somebody reads or types: what they work with must not go away.
    else setInterval(() => {
      if (live.checked && !document.hidden && !document.activeElement.matches("input, select, a, button")) location.reload();
    }, seconds * 1e3);
  }

  function make(tag, text, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text) made.append(text);
    made.append(...children);
    return made;
  }

  // Other pages than the front are not written again while nothing in them changes: how old they
  // are is in a file of its own.
  function warn() {
    const { problem, too_old: limit, read, shown } = window.A;
    const word = problem || (Date.now() > Date.parse(limit) ? "Too old" : "");
    if (word && !document.querySelector(".age")) {
      const data = make("strong", `${word}: data `, {}, make("time", shown, { datetime: read }));
      document.querySelector("header").append(make("p", "", { class: "age old" }, data));
    }
    relate(document);
  }

  // As the pages write times: in the zone of the settings, with the offset.
  function makeClock(timeZone) {
    return new Intl.DateTimeFormat("en", {
      timeZone, hourCycle: "h23", timeZoneName: "longOffset",
      year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
    });
  }

  let clock;

  function time(iso) {
    if (!iso) return "";
    if (!clock) {
      try {
        clock = makeClock(document.body.dataset.zone);
      } catch { // a zone that the browser does not know
        clock = makeClock("UTC");
      }
    }
    const part = Object.fromEntries(clock.formatToParts(new Date(iso)).map((each) => [each.type, each.value]));
    const offset = part.timeZoneName.slice(3) || "+00:00";
    return make("time", `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute} ${offset}`, { datetime: iso });
  }

  function link(href, text) {
    return make("a", text, { href });
  }

  function cell(text, attributes = {}, ...children) {
    return make("td", text, { role: "cell", ...attributes }, ...children);
  }

  function badge(state) {
    return make("b", state, { class: `s ${state}` });
  }

  function icinga(row, task) {
    const url = window.D.icinga_url;
    const names = { account: row.page, task, host: row.host };
    return url.replace(/\{(account|task|host)\}/g, (_, name) => names[name]);
  }

  function header(row, count) {
    const more = [row.customer_name || row.customer, row.servers.join(", ")].filter(Boolean).join(" · ");
    const scope = { role: "rowheader", scope: "rowgroup", rowspan: String(count) };
    return make("th", "", scope, link(`${row.page}.html`, row.account), ` ${row.name} `, make("small", more));
  }

  function draw(row, tasks) {
    const body = make("tbody", "", { role: "rowgroup" });
    const lines = tasks.length ? tasks : [null];
    lines.forEach((task, number) => {
      const line = make("tr", "", { role: "row" });
      if (!number) line.append(header(row, lines.length));
      if (task) {
        const links = [link(`lists/what-to-do.html#${task.cause ? `${task.task}-${task.cause}` : "unknown"}`, "what to do")];
        if (window.D.icinga_url) links.push(" ", link(icinga(row, task.task), "Icinga"));
        const to = (task.recipients || []).join(", ");
        line.append(
          cell("", {}, badge(task.state)),
          cell(task.task, { class: "check" }),
          cell("", { class: "why" }, ...(task.computer ? [make("b", task.computer), " "] : []), task.summary),
          cell(time(task.problem_since || task.since), { "data-l": "since " }),
          cell(time(task.last_success), { "data-l": "last success " }),
          cell(time(task.notified), { "data-l": "notified " }, ...(to ? [" ", make("small", to)] : [])),
          cell("", { class: "links" }, ...links),
        );
      } else {
        line.append(cell("", {}, badge("OK")), cell("all", { class: "check" }), cell("", { class: "why" }), cell(), cell(), cell(), cell());
      }
      body.append(line);
    });
    return body;
  }

  // What a search looks at, made at the first one.
  function text(row) {
    row.text ??= [
      row.account, row.name, row.customer, row.customer_name, ...row.servers, ...row.resellers, ...row.clients,
      ...row.tasks.flatMap((task) => [task.task, task.computer || "", task.summary]),
    ].join("\n").toLowerCase();
    return row.text;
  }

  function choose(row, view, words) {
    if (view.server && !row.servers.includes(view.server)) return null;
    if (view.customer && row.customer !== view.customer && row.customer_name !== view.customer) return null;
    if (view.reseller && !row.resellers.includes(view.reseller)) return null;
    if (view.client && !row.clients.includes(view.client)) return null;
    if (words.length && !words.every((word) => text(row).includes(word))) return null;
    const tasks = view.task ? row.tasks.filter((task) => task.task === view.task) : row.tasks;
    if (view.state === "all") return tasks;
    if (view.state === "OK") return tasks.length ? null : tasks;
    const wanted = view.state ? tasks.filter((task) => task.state === view.state) : tasks;
    return wanted.length ? wanted : null;
  }

  const oldest = (tasks, name) => tasks.reduce((least, task) => (!least || (task[name] && task[name] < least) ? task[name] : least), null);
  const since = (tasks) => tasks.reduce((most, task) => ((task.problem_since || task.since) > most ? task.problem_since || task.since : most), "");

  function sort(found, key) {
    const worst = (each) => -BADNESS[each.tasks.length ? each.tasks[0].state : "OK"];
    const ranks = {
      "": (each) => [worst(each), each.tasks.length ? each.tasks[0].problem_since || each.tasks[0].since : ""],
      since: (each) => [-Date.parse(since(each.tasks) || 0)],
      success: (each) => [each.tasks.length ? Date.parse(oldest(each.tasks, "last_success") || 0) : Infinity],
      account: (each) => [each.row.account.toLowerCase()],
    };
    const rank = ranks[key] || ranks[""];
    for (const each of found) each.rank = rank(each);
    const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    found.sort((a, b) => compare(a.rank[0], b.rank[0]) || compare(a.rank[1] ?? "", b.rank[1] ?? ""));
  }

  function start(table) {
    const form = document.getElementById("filter");
    const shown = document.getElementById("shown");
    const more = document.getElementById("more");
    const rows = window.D.accounts;
    let found = [];
    let count = STEP;

    function fill(name, values) {
      const field = form.elements[name];
      const target = field.list || field;
      for (const value of [...new Set(values)].filter(Boolean).sort()) target.append(make("option", field.list ? "" : value, { value }));
      if (!target.children.length || (!field.list && target.children.length < 2)) field.closest("label").hidden = true;
    }

    function readView() {
      const parameters = new URLSearchParams(location.hash.slice(1));
      for (const key of KEYS) {
        const field = form.elements[key];
        const value = parameters.get(key) || "";
        if (field.tagName === "SELECT" && ![...field.options].some((option) => option.value === value)) field.append(make("option", value, { value }));
        field.value = value;
      }
      count = Math.max(STEP, Number(parameters.get("n")) || 0);
    }

    function writeView() {
      const parameters = new URLSearchParams();
      for (const key of KEYS) if (form.elements[key].value) parameters.set(key, form.elements[key].value);
      if (count > STEP) parameters.set("n", String(count));
      const hash = parameters.toString();
      // Without a new entry per letter in the browser's history.
      if (hash !== location.hash.slice(1)) location.replace(`#${hash}`);
    }

    function drawMore(from) {
      const bodies = found.slice(from, count).map((each) => draw(each.row, each.tasks));
      const fragment = document.createDocumentFragment();
      fragment.append(...bodies);
      relate(fragment);
      table.append(fragment);
      const visible = Math.min(count, found.length);
      shown.textContent = `${visible < found.length ? `${visible.toLocaleString("en")} of ` : ""}${found.length.toLocaleString("en")} account${found.length === 1 ? "" : "s"}`;
      more.hidden = visible >= found.length;
    }

    function show() {
      const view = Object.fromEntries(KEYS.map((key) => [key, form.elements[key].value]));
      const words = view.q.toLowerCase().split(/\s+/).filter(Boolean);
      found = [];
      for (const row of rows) {
        const tasks = choose(row, view, words);
        if (tasks) found.push({ row, tasks });
      }
      const narrowed = view.task || (view.state && view.state !== "all") || view.sort;
      if (narrowed) sort(found, view.sort);
      for (const body of [...table.tBodies]) body.remove();
      for (const head of table.querySelectorAll("th[data-sort]")) {
        if (head.dataset.sort === view.sort) head.setAttribute("aria-sort", "descending");
        else head.removeAttribute("aria-sort");
      }
      drawMore(0);
    }

    fill("server", rows.flatMap((row) => row.servers));
    fill("customer", rows.map((row) => row.customer_name || row.customer));
    fill("reseller", rows.flatMap((row) => row.resellers));
    fill("client", rows.flatMap((row) => row.clients));
    for (const head of table.querySelectorAll("th[data-sort]")) {
      const button = make("button", head.textContent, { type: "button" });
      button.addEventListener("click", () => {
        form.elements.sort.value = head.dataset.sort;
        change();
      });
      head.replaceChildren(button);
    }
    function change() {
      count = STEP;
      writeView();
      show();
    }
    form.addEventListener("input", (event) => event.target.id !== "live" && change());
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(change));
    window.addEventListener("hashchange", () => {
      const before = new URLSearchParams(location.hash.slice(1));
      if (KEYS.every((key) => (before.get(key) || "") === form.elements[key].value)) return;
      readView();
      show();
    });
    more.addEventListener("click", () => {
      const from = Math.min(count, found.length);
      count += STEP;
      writeView();
      drawMore(from);
      const next = table.tBodies[from];
      if (next) next.querySelector("a").focus();
    });
    form.hidden = false;
    readView();
    show();
  }

  document.addEventListener("DOMContentLoaded", () => {
    const age = document.getElementById("age");
    const table = document.getElementById("accounts");
    if (age) watch(age);
    else if (window.A) {
      warn();
      setInterval(warn, 3e4);
    }
    if (window.D && table) start(table);
  });
})();
