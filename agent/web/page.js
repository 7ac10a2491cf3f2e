/* The status page. What it shows comes from this agent alone, and is put into the page as text, never as markup. With a
   token it follows the agent's events and asks anew when something has happened; without one it shows every few seconds
   what anybody may know. A string never goes over a line's end here: the build cuts lines' indentation. */
"use strict";
(() => {
    const TOKEN_KEY = "farmgate-token";
    const EVENTS_SHOWN = 40;
    const PEOPLE_SHOWN = 60;
    const SILENCE_MS = 100000; /* the agent says something at least every 45 s */
    const ANSWER_MS = 15000;
    const POLL_MS = 10000;
    const SLOW_POLL_MS = 60000;
    const FOLLOWER_POLL_MS = 5000; /* what happens on other hosts is no event of one that does not count */
    const FARM_MS = 15000;
    const HIDDEN_MS = 60000; /* a page that nobody looks at for so long lets its connection go */
    const BACK_OFF_MS = 1000;
    const BACK_OFF_MAX_MS = 30000;
    const WINDOW_MS = 1200000;
    const DAY_MS = 86400000;
    const DAYS = 400;

    const $ = (id) => document.getElementById(id);
    const sleep = (ms, signal) => new Promise((done) => {
        const timer = setTimeout(done, ms);
        if (signal)
            signal.addEventListener("abort", () => { clearTimeout(timer); done(); }, {once: true});
    });

    /* ---- texts ---- */

    /* What would turn the rest of a line round is shown as what it is. */
    const clean = (text) => String(text).replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c]/g,
        (sign) => "\u27e8U+" + sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0") + "\u27e9");
    const hourFormat = new Intl.DateTimeFormat(undefined, {hour: "numeric"});
    const timeFormat = new Intl.DateTimeFormat(undefined, {hour: "2-digit", minute: "2-digit"});
    const secondFormat = new Intl.DateTimeFormat(undefined, {hour: "2-digit", minute: "2-digit", second: "2-digit"});
    const dateFormat = new Intl.DateTimeFormat(undefined, {day: "numeric", month: "short"});
    const yearFormat = new Intl.DateTimeFormat(undefined, {day: "numeric", month: "short", year: "numeric"});
    const utcDayFormat = new Intl.DateTimeFormat(undefined, {weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC"});
    const monthFormat = new Intl.DateTimeFormat(undefined, {month: "short", timeZone: "UTC"});
    const numberFormat = new Intl.NumberFormat();
    const number = (value) => numberFormat.format(value);
    const many = (count, one, more) => number(count) + " " + (count === 1 ? one : more);

    /* As short as it can be told from any other instant. */
    function instant(at, now) {
        const date = new Date(at), days = Math.abs(at - now) / DAY_MS;
        if (date.toDateString() === new Date(now).toDateString())
            return timeFormat.format(date);
        return (days < 180 ? dateFormat : yearFormat).format(date) + ", " + timeFormat.format(date);
    }
    function span(ms) {
        const seconds = Math.max(0, Math.floor(ms / 1000)), minutes = Math.floor(seconds / 60), hours = Math.floor(minutes / 60);
        const days = Math.floor(hours / 24);
        if (days >= 14)
            return days + " days";
        if (days > 0)
            return days + " d " + (hours % 24) + " h";
        if (hours > 0)
            return hours + " h " + (minutes % 60) + " min";
        return minutes > 0 ? minutes + " min " + (seconds % 60) + " s" : seconds + " s";
    }

    /* ---- the document ---- */

    const SVG = "http://www.w3.org/2000/svg";
    function fill(node, attributes, children) {
        for (const [name, value] of Object.entries(attributes || {}))
            if (value !== null && value !== undefined && value !== false)
                node.setAttribute(name, value === true ? "" : value);
        node.append(...children.filter((child) => child !== null && child !== undefined));
        return node;
    }
    const el = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
    const svg = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
    /* Setting the same text again would be read aloud again. */
    function say(node, text) {
        if (node.textContent !== text)
            node.textContent = text;
    }
    const show = (node, wanted) => { node.hidden = !wanted; };
    const bidi = (text) => el("bdi", null, clean(text));
    function time(at) {
        return el("time", {datetime: new Date(at).toISOString(), title: new Date(at).toISOString()}, instant(at, now()));
    }
    /* A sentence of the agent's, with its instants in local time, and commands as such. */
    function sentence(text) {
        const node = el("bdi", {dir: "ltr"});
        let from = 0;
        for (const found of text.matchAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z|`([^`]+)`/g)) {
            node.append(clean(text.slice(from, found.index)), found[2] ? el("code", null, clean(found[2])) : time(Date.parse(found[0])));
            from = found.index + found[0].length;
        }
        node.append(clean(text.slice(from)));
        return node;
    }
    const replace = (node, children) => node.replaceChildren(...children);

    /* ---- the token ---- */

    const TOKEN = /^[\x21-\x7e]{1,512}$/;
    let token = null;
    function keep(value) {
        token = value;
        try {
            if (value === null)
                sessionStorage.removeItem(TOKEN_KEY);
            else
                sessionStorage.setItem(TOKEN_KEY, value);
        } catch (error) {
            /* then it is this page's alone */
        }
    }
    function recall() {
        try {
            token = sessionStorage.getItem(TOKEN_KEY);
        } catch (error) {
            token = null;
        }
    }
    /* True: the address held one, and does not any more. */
    function takeFromAddress() {
        const found = new URLSearchParams(location.hash.slice(1)).get("token");
        if (found === null)
            return false;
        history.replaceState(null, "", location.pathname + location.search);
        if (TOKEN.test(found))
            keep(found);
        return true;
    }

    /* ---- asking the agent ---- */

    class Refused extends Error {
        constructor(status, problem) {
            super(problem.detail || "the agent answered with status " + status);
            this.status = status;
            this.code = problem.code || "";
        }
    }
    async function request(path, signal, headers) {
        const answer = await fetch(path, {
            headers: token === null ? headers || {} : {Authorization: "Bearer " + token, ...headers},
            cache: "no-store", credentials: "omit", redirect: "error", referrerPolicy: "no-referrer", signal,
        });
        if (answer.ok)
            return answer;
        let problem = {};
        try {
            problem = await answer.json();
        } catch (error) {
            /* the status says enough */
        }
        throw new Refused(answer.status, problem);
    }
    const within = (signal) => AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
    const json = async (path, signal) => (await request(path, within(signal))).json();
    const text = async (path, signal) => (await request(path, within(signal))).text();

    /* ---- what is known ---- */

    let ahead = 0;       /* licence time less this computer's */
    let heardAt = 0;     /* the last word of the agent, by this computer's clock */
    let clocks = [];     /* {at, left} of those shown */
    let status = null, explained = null;
    let windows = [], days = [], limit = null;
    let events = [], lastId = null;
    const now = () => Date.now() + ahead;

    /* ---- verdict and figures ---- */

    const PLAIN = {
        open: "The gate is open", not_activated: "The gate is closed: this farm is not activated",
        copied: "The gate is closed: this is a copy of another installation",
        revoked: "The gate is closed: the licence was revoked", expired: "The gate is closed: the licence has expired",
        stale: "The gate is closed: the licensing authority was not reached in time",
        over: "The gate is closed: too many users for too long",
    };
    function headline(verdict) {
        if (!verdict.open)
            return PLAIN[verdict.reason] || "The gate is closed";
        if (verdict.admission === "holders")
            return "Licences have run out";
        if (verdict.term === "expiry_grace")
            return "The gate is open, in the grace after the term";
        return {settling: "The gate is open, above the limit", overuse_grace: "The gate is open, in the overuse grace"}[verdict.usage] || "The gate is open";
    }
    function level(verdict) {
        if (!verdict.open)
            return "bad";
        const eased = verdict.admission === "all" && verdict.usage === "within" && verdict.term === "valid";
        return eased || (verdict.usage === "enforced" && verdict.admission === "all" && verdict.term === "valid") ? "good" : "warn";
    }
    /* What the gate answered under another verdict is no answer any more. */
    function tellVerdict(text) {
        if ($("verdict").textContent !== text)
            $("ask-answer").replaceChildren();
        say($("verdict"), text);
    }
    function drawIcon(open) {
        const colour = open === null ? "#8793a0" : open ? "#2c8d58" : "#c9372f";
        const bars = open === false ? "M3 21V6l4-3v18M21 21V6l-4-3v18M7 7h10M7 12h10M7 17h10" : "M3 21V6l4-3v18M21 21V6l-4-3v18";
        $("icon").href = "data:image/svg+xml," + encodeURIComponent('<svg xmlns="' + SVG + '" viewBox="0 0 24 24"><path d="' + bars +
            '" fill="none" stroke="' + colour + '" stroke-width="3"/></svg>');
    }
    function drawLevel(users, allowed, figures) {
        const room = Math.max(users, allowed === null ? 0 : allowed, 1), kept = allowed === null ? users : Math.min(users, allowed);
        const meter = $("meter"), percent = (value) => 100 * value / room + "%";
        limit = allowed;
        say($("users"), number(users));
        say($("limit"), allowed === null ? "no licence yet" : "of " + number(allowed) + " licensed");
        meter.setAttribute("aria-valuenow", users);
        meter.setAttribute("aria-valuemax", room);
        meter.setAttribute("aria-valuetext", many(users, "user", "users") + (allowed === null ? "" : " of " + number(allowed)));
        $("meter-kept").style.width = percent(kept);
        $("meter-over").style.left = percent(kept);
        $("meter-over").style.width = percent(users - kept);
        $("meter-limit").style.left = percent(allowed === null ? 0 : allowed);
        show($("meter-limit"), allowed !== null && users > allowed);
        replace($("figures"), figures.map(([name, value, at]) =>
            el("div", null, el("dt", null, name), el("dd", null, number(value), at ? el("small", null, time(at)) : null))));
    }
    function drawTitle(open, users, allowed) {
        document.title = (open === null ? "" : (open ? "open" : "CLOSED") + ", " + users + (allowed === null ? "" : "/" + allowed) + " \u2013 ") + "Farmgate";
        drawIcon(open);
    }
    function drawVerdict() {
        const verdict = status.verdict, [first, ...rest] = explained.verdict.why;
        $("hero").dataset.level = level(verdict);
        tellVerdict(headline(verdict));
        const because = sentence((first ? first.text : verdict.text).replace(/^The gate is (open|closed): (.)/, (all, word, letter) => letter.toUpperCase()));
        if ($("because").textContent !== because.textContent)
            replace($("because"), [because]);
        replace($("why"), rest.map((one) => el("li", null, sentence(one.text))));
        show($("todo"), explained.remedies.length > 0);
        replace($("remedies"), explained.remedies.map((one) => el("li", null, sentence(one.text))));
        show($("trouble"), explained.setbacks.length > 0);
        replace($("setbacks"), explained.setbacks.map((one) => el("li", null,
            sentence([...one.why, ...one.remedies].map((part) => part.text).join(" ")), " (since ", time(Date.parse(one.since)), ")")));
        show($("health"), status.health !== "");
        say($("health"), status.health === "" ? "" : "The agent says of itself: " + clean(status.health));
        drawTitle(verdict.open, status.concurrent_users, status.limit);
    }
    const peakAt = (peak) => (peak.at === null ? null : Date.parse(peak.at));
    function drawFigures() {
        const figures = [["Peak today (UTC)", status.peak_today.users, peakAt(status.peak_today)],
            ["Peak ever", status.peak_ever.users, peakAt(status.peak_ever)], ["Connections", status.connections, null],
            ["Exempt", status.exempt, null], ["Disconnected", status.disconnected, null]];
        if (status.farm.part !== "alone")
            figures.push(["On this host", status.this_host.concurrent_users, null]);
        drawLevel(status.concurrent_users, status.limit, figures);
        say($("place"), clean((status.farm.name === null ? "" : status.farm.name + " \u00b7 ") + status.host));
    }

    /* ---- clocks ---- */

    const CLOCKS = [
        ["settling_ends", "Overuse grace begins", ["next_settled"], "If users still exceed the limit."],
        ["overuse_grace_ends", "Overuse grace ends", ["next_grace_ends"], "From then on a limit that is exceeded closes the gate."],
        ["deactivates_at", "The farm is deactivated", ["next_deactivates"], "If users still exceed the limit."],
        ["expires_at", "Licence term ends", ["next_expires", "next_trial_ends"], ""],
        ["expiry_grace_ends", "Grace after the term ends", ["next_term_closes"], "Then the gate closes."],
        ["refresh_by", "Authority to be reached by", ["next_contact_closes", "next_contact_closes_by_files"], "Else the gate closes."],
        ["next_report", "Next report", ["next_report", "next_retry"], ""],
        ["next_validation", "Next validation", ["next_opens", "next_eases", "next_validation", "next_validation_within", "next_validation_early"], ""],
    ];
    const URGENT = {overuse_grace_ends: 8, deactivates_at: 1, settling_ends: 0, expires_at: 30, expiry_grace_ends: 31, refresh_by: 7};
    function urgency(name, left) {
        const warned = URGENT[name];
        if (warned === undefined)
            return null;
        return left < DAY_MS && name !== "settling_ends" ? "bad" : left < warned * DAY_MS || name === "settling_ends" ? "warn" : null;
    }
    function drawClocks(running) {
        const routine = (clock) => clock.name.startsWith("next_");
        clocks = running.sort((one, other) => routine(one) - routine(other) || one.at - other.at);
        replace($("clock-list"), clocks.length === 0 ? [el("li", {class: "empty"}, "None: nothing runs out.")] : clocks.map((clock) => {
            clock.node = el("span", {class: "left"});
            return el("li", {class: urgency(clock.name, clock.at - now())}, el("h3", null, clock.title), clock.node,
                el("p", null, time(clock.at), clock.text ? ". " : "", clock.text ? sentence(clock.text) : null));
        }));
        tick();
    }
    function tick() {
        for (const clock of clocks)
            say(clock.node, clock.at > now() ? "in " + span(clock.at - now()) : "past");
    }
    function drawStatusClocks() {
        const running = [];
        for (const [name, title, codes, text] of CLOCKS) {
            const at = status.clocks[name], step = explained.next.find((one) => codes.includes(one.code));
            if (at !== null)
                running.push({name, title, at: Date.parse(at), text: step ? step.text : text});
        }
        drawClocks(running);
    }

    /* ---- pictures ---- */

    /* The distance of an axis' lines: 1, 2 or 5 of some power of ten, so that there are at most five. */
    function lineStep(highest) {
        const raw = Math.max(highest / 5, 1), power = 10 ** Math.floor(Math.log10(raw));
        return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= raw);
    }
    /* A picture of bars along time, walked through with the arrow keys; it draws itself anew when its width changes. */
    class Chart {
        constructor(box, readout, name) {
            this.box = box;
            this.readout = readout;
            this.bars = [];
            this.chosen = -1;
            fill(box, {role: "slider", tabindex: "0", "aria-label": name + "; arrow keys walk through it", "aria-valuemin": "0"}, []);
            box.addEventListener("keydown", (event) => this.walk(event));
            box.addEventListener("pointermove", (event) => this.point(event));
            box.addEventListener("pointerleave", () => this.choose(-1));
            box.addEventListener("blur", () => this.choose(-1));
            new ResizeObserver(() => this.draw()).observe(box);
        }
        /* plan(width) → {bars: [{from, to, value, words, running}], from, to, ticks: [[at, text, strong]]} */
        set(plan) {
            this.plan = plan;
            this.draw();
        }
        draw() {
            const width = this.box.clientWidth, height = this.box.clientHeight;
            if (!this.plan || width === 0 || height === 0)
                return;
            const plan = this.plan(width);
            const inner = {left: 34, right: width - 4, top: 16, bottom: height - 24};
            const highest = Math.max(limit === null ? 0 : limit, 4, ...plan.bars.map((bar) => bar.value)) * 1.04;
            const step = lineStep(highest), lines = Math.ceil(highest / step), top = lines * step;
            const x = (at) => inner.left + (inner.right - inner.left) * (at - plan.from) / (plan.to - plan.from);
            const y = (value) => inner.bottom - (inner.bottom - inner.top) * value / top;
            this.bars = plan.bars;
            this.x = x;
            this.right = inner.right;
            const picture = svg("svg", {height, viewBox: "0 0 " + width + " " + height, "aria-hidden": "true", focusable: "false"});
            for (let line = 0; line <= lines; line++) {
                const at = Math.round(y(step * line)) + 0.5;
                picture.append(svg("line", {class: "grid", x1: inner.left, x2: inner.right, y1: at, y2: at}),
                    svg("text", {x: inner.left - 6, y: at + 4, "text-anchor": "end"}, number(step * line)));
            }
            this.mark = svg("rect", {class: "chosen", y: inner.top, height: inner.bottom - inner.top, width: 0});
            picture.append(this.mark, ...this.ticks(plan, inner, x), ...plan.bars.flatMap((bar) => this.bar(bar, x, y)), ...this.limit(inner, y));
            this.box.replaceChildren(picture);
            this.box.setAttribute("aria-valuemax", Math.max(0, this.bars.length - 1));
            this.choose(Math.min(this.chosen, this.bars.length - 1));
        }
        /* What would stand in another's way is left out, the strong ones last. */
        ticks(plan, inner, x) {
            const placed = [], found = [];
            for (const [at, words, strong] of plan.ticks.toSorted((one, other) => Boolean(other[2]) - Boolean(one[2]))) {
                const half = 4 + 3.4 * words.length, place = Math.max(half, Math.min(x(at), inner.right - half + 4));
                if (placed.some((one) => Math.abs(one.place - place) < one.half + half))
                    continue;
                placed.push({place, half});
                if (strong)
                    found.push(svg("line", {class: "midnight", x1: x(at), x2: x(at), y1: inner.top, y2: inner.bottom}));
                found.push(svg("text", {x: place, y: inner.bottom + 17, "text-anchor": "middle"}, words));
            }
            return found;
        }
        bar(bar, x, y) {
            const wide = Math.min(x(bar.to), this.right) - x(bar.from), gap = wide > 5 ? 1.5 : wide > 2.5 ? 0.5 : 0;
            const at = {x: x(bar.from) + gap / 2, width: Math.max(wide - gap, 0.6)};
            const kept = limit === null ? bar.value : Math.min(bar.value, limit);
            if (bar.value === 0)
                return [svg("rect", {class: "zero", ...at, y: y(0) - 1.5, height: 1.5})];
            return [svg("rect", {class: bar.running ? "bar running" : "bar", ...at, y: y(kept), height: y(0) - y(kept)}),
                bar.value > kept ? svg("rect", {class: "over", ...at, y: y(bar.value), height: y(kept) - y(bar.value)}) : null].filter((node) => node);
        }
        limit(inner, y) {
            if (limit === null)
                return [];
            return [svg("line", {class: "limit", x1: inner.left, x2: inner.right, y1: y(limit), y2: y(limit)}),
                svg("text", {class: "limit-name", x: inner.left + 4, y: y(limit) - 5}, "limit now: " + number(limit))];
        }
        choose(index) {
            const bar = this.bars[index], last = this.bars.length - 1, told = bar || this.bars[last];
            this.chosen = bar ? index : -1;
            if (this.mark && bar) {
                this.mark.setAttribute("x", this.x(bar.from));
                this.mark.setAttribute("width", Math.max(this.x(bar.to) - this.x(bar.from), 2));
            } else if (this.mark) {
                this.mark.setAttribute("width", 0);
            }
            this.box.setAttribute("aria-valuenow", bar ? index : Math.max(0, last));
            this.box.setAttribute("aria-valuetext", told ? told.words : "nothing yet");
            say(this.readout, bar ? bar.words : "");
        }
        walk(event) {
            const from = this.chosen < 0 ? this.bars.length : this.chosen;
            const steps = {ArrowLeft: from - 1, ArrowDown: from - 1, ArrowRight: from + 1, ArrowUp: from + 1, PageUp: from - 10,
                PageDown: from + 10, Home: 0, End: this.bars.length - 1};
            if (!(event.key in steps) || this.bars.length === 0)
                return;
            event.preventDefault();
            this.choose(Math.max(0, Math.min(this.bars.length - 1, steps[event.key])));
        }
        point(event) {
            const place = event.clientX - this.box.getBoundingClientRect().left;
            this.choose(this.bars.findIndex((bar) => place >= this.x(bar.from) && place < Math.max(this.x(bar.to), this.x(bar.from) + 2)));
        }
    }

    const REPORTS = {running: "running", closed: "waits to be sent", accepted: "accepted", refused: "set aside by the authority"};
    const dayChart = new Chart($("day-chart"), $("day-readout"), "Peak of concurrent users in each window of the last 24 hours");
    const yearChart = new Chart($("year-chart"), $("year-readout"), "Peak of concurrent users of each day");
    const windowName = (one) => instant(one.from, now()) + " to " + timeFormat.format(one.to);

    function dayPlan(width) {
        const to = Math.ceil(now() / WINDOW_MS) * WINDOW_MS, from = to - DAY_MS, ticks = [], every = width < 420 ? 6 : width < 700 ? 3 : 2;
        const hour = new Date(from);
        hour.setMinutes(0, 0, 0);
        for (; hour.getTime() <= to; hour.setHours(hour.getHours() + 1))
            if (hour.getTime() >= from && hour.getHours() % every === 0)
                ticks.push([hour.getTime(), hour.getHours() === 0 ? dateFormat.format(hour) : hourFormat.format(hour), hour.getHours() === 0]);
        return {from, to, ticks, bars: windows.filter((one) => one.to > from).map((one) => ({...one, from: Math.max(one.from, from)}))};
    }
    function drawDay() {
        windows = windows.map((one) => ({...one, words: windowName(one) + ": " + many(one.value, "user", "users") + (one.running ? " so far" : "")}));
        const highest = windows.reduce((best, one) => (best && best.value >= one.value ? best : one), null);
        const above = limit === null ? 0 : windows.filter((one) => one.value > limit).length;
        say($("day-summary"), highest === null ? "No window yet." : "The last 24 hours. Highest: " + many(highest.value, "user", "users") +
            " (" + windowName(highest) + ")" + (above > 0 ? "; " + many(above, "window", "windows") + " above the limit" : "") + ".");
        dayChart.set(dayPlan);
        if ($("day-details").open)
            replace($("day-rows"), windows.toReversed().map((one) => el("tr", null, el("th", {scope: "row"}, windowName(one)),
                el("td", {class: "number"}, number(one.value)), el("td", null, one.peakAt ? time(one.peakAt) : "\u2013"), el("td", null, REPORTS[one.state] || one.state))));
    }
    function takeWindows(answer) {
        windows = answer.windows.map((one) => ({from: Date.parse(one.start), to: Date.parse(one.end), value: one.peak_users, state: one.state,
            running: one.state === "running", peakAt: one.peak_at === null ? null : Date.parse(one.peak_at)}));
    }

    function yearPlan(width) {
        const today = Math.floor(now() / DAY_MS) * DAY_MS, from = today - (DAYS - 1) * DAY_MS, to = today + DAY_MS, ticks = [];
        const every = width < 420 ? 4 : width < 700 ? 2 : 1, weekly = width < 850, month = new Date(from);
        month.setUTCDate(1);
        for (; month.getTime() < to - 12 * DAY_MS; month.setUTCMonth(month.getUTCMonth() + 1))
            if (month.getTime() >= from && month.getUTCMonth() % every === 0)
                ticks.push([month.getTime(), month.getUTCMonth() === 0 ? String(month.getUTCFullYear()) : monthFormat.format(month), month.getUTCMonth() === 0]);
        return {from, to, ticks, bars: weekly ? weeks(from) : days.filter((one) => one.to > from)};
    }
    /* Where days would be too narrow to see. */
    function weeks(from) {
        const found = new Map();
        for (const one of days.filter((day) => day.from >= from)) {
            const at = from + Math.floor((one.from - from) / (7 * DAY_MS)) * 7 * DAY_MS, week = found.get(at);
            if (!week || week.value < one.value)
                found.set(at, {...one, from: at, to: at + 7 * DAY_MS, running: false, words: "Week of " + utcDayFormat.format(at) + ": " + one.words});
        }
        return [...found.values()];
    }
    function drawYear() {
        const highest = days.reduce((best, one) => (best && best.value >= one.value ? best : one), null);
        const above = limit === null ? 0 : days.filter((one) => one.value > limit).length;
        say($("year-summary"), highest === null ? "No day yet." : "Highest: " + many(highest.value, "user", "users") + " (" + utcDayFormat.format(highest.from) + ")" +
            (limit === null ? "" : "; " + (above === 0 ? "no day" : many(above, "day", "days")) + " above today's limit") + ". Days are UTC.");
        yearChart.set(yearPlan);
        if ($("year-details").open)
            replace($("year-rows"), days.toReversed().map((one) => el("tr", null, el("th", {scope: "row"}, utcDayFormat.format(one.from)),
                el("td", {class: "number"}, number(one.value)), el("td", null, one.peakAt ? time(one.peakAt) : "\u2013"))));
    }
    function takeDays(answer) {
        days = answer.days.map((one) => ({from: Date.parse(one.day), to: Date.parse(one.day) + DAY_MS, value: one.peak_users, running: !one.complete,
            peakAt: one.peak_at === null ? null : Date.parse(one.peak_at), words: utcDayFormat.format(Date.parse(one.day)) + ": " + many(one.peak_users, "user", "users") +
            (one.complete ? "" : " so far")}));
    }

    /* ---- people ---- */

    let peopleShown = PEOPLE_SHOWN;
    const byName = new Intl.Collator();
    const dot = " \u00b7 ";
    function connectionRow(one) {
        const why = one.counted || one.why.length === 0 ? "" : one.why.at(-1).text;
        return el("li", null, el("span", null, one.kind + " by " + one.route + " on ", bidi(one.host)),
            el("span", {class: "meta"}, dot, "since ", time(Date.parse(one.connected_at)), one.state === "disconnected" ? dot + "disconnected" : "",
                one.administrator ? dot + "administrator" : ""), why === "" ? null : el("div", {class: "meta"}, sentence(why)));
    }
    function whyTag(user, connections) {
        const exempt = connections.some((one) => one.reason.startsWith("exempt"));
        return user.counted ? el("span", {class: "tag counts"}, "1 licence") : el("span", {class: "tag"}, exempt ? "exempt" : "does not count");
    }
    function drawPeople() {
        const wanted = $("people-filter").value.trim().toLowerCase(), of = new Map();
        for (const one of explained.connections)
            of.set(one.counted_as, [...of.get(one.counted_as) || [], one]);
        const fits = (user) => user.user.toLowerCase().includes(wanted) || (of.get(user.user) || []).some((one) => one.host.toLowerCase().includes(wanted));
        const found = (wanted === "" ? explained.users : explained.users.filter(fits)).toSorted((one, other) => byName.compare(one.user, other.user));
        const counted = explained.users.filter((user) => user.counted).length;
        const scope = explained.scope === "host" ? " This host's own; " + (status.farm.leader === null ? "nobody knows all now." : clean(status.farm.leader) + " knows the farm's.") : "";
        say($("people-summary"), (explained.users.length === 0 ? "Nobody is on." : many(explained.users.length, "user is", "users are") + " on; " +
            number(counted) + (counted === 1 ? " counts." : " count.")) + (explained.more ? " There are more than are listed." : "") + scope +
            (wanted === "" ? "" : " " + number(found.length) + " found."));
        replace($("people-rows"), found.slice(0, peopleShown).map((user) => {
            const mine = of.get(user.user) || [];
            return el("tr", {role: "row"}, el("th", {scope: "row", role: "rowheader"}, bidi(user.user)), el("td", {role: "cell"}, whyTag(user, mine)),
                el("td", {role: "cell"}, el("ul", null, ...mine.map(connectionRow))));
        }));
        show($("people-rows").closest(".scroll"), found.length > 0);
        show($("people-more"), found.length > peopleShown);
        say($("people-all"), "Show the other " + number(Math.max(0, found.length - peopleShown)));
        show($("ignored"), explained.ignored.length > 0);
        say($("ignored-name"), many(explained.ignored.length, "session of this host is", "sessions of this host are") + " ignored");
        replace($("ignored-list"), explained.ignored.slice(0, PEOPLE_SHOWN).map((one) => el("li", null, bidi(one.user === null ? "nobody" : one.user), dot + clean([one.service, one.type, one.class]
            .filter((part) => part).join(", ")) + dot + one.reason)));
    }

    /* ---- events ---- */

    const SEVERITIES = {error: "bad", warning: "warn"};
    function drawEvents() {
        show($("events-none"), events.length === 0);
        replace($("events"), events.map((one) => el("li", {class: "of-" + one.severity}, sentence(one.text),
            el("div", {class: "meta"}, time(Date.parse(one.at)), " ", SEVERITIES[one.severity] ? el("span", {class: "tag " + SEVERITIES[one.severity]}, one.severity) : one.severity, dot + one.code))));
    }
    function addEvents(found) {
        const known = new Set(events.map((one) => one.id));
        events = [...found.filter((one) => one.id === 0 || !known.has(one.id)), ...events].sort((one, other) => other.id - one.id || Date.parse(other.at) - Date.parse(one.at)).slice(0, EVENTS_SHOWN);
        drawEvents();
    }
    /* Server-sent events as they come, in pieces. */
    class Frames {
        constructor() {
            this.rest = "";
        }
        take(piece) {
            const parts = (this.rest + piece).split("\n\n"), found = [];
            this.rest = parts.pop();
            for (const part of parts) {
                const frame = {id: null, data: ""};
                for (const line of part.split("\n")) {
                    if (line.startsWith("id: "))
                        frame.id = line.slice(4);
                    else if (line.startsWith("data: "))
                        frame.data += line.slice(6);
                }
                found.push(frame);
            }
            return found;
        }
    }

    /* ---- the farm ---- */

    const PARTS = {leads: "leads: counts for all", follows: "follows", silent: "silent", lost: "lost", down: "down"};
    const PART_TAGS = {leads: "good", follows: "", silent: "warn", lost: "bad", down: "bad"};
    const OWN = {joining: "is not told of its farm yet", leads: "counts for the farm", follows: "follows", cut_off: "cannot reach the shared store: the last verdict stands",
        refused: "is refused: another machine has its name", left: "was taken out of its farm"};
    function drawFarm(farm) {
        show($("farm"), true);
        const problems = [farm.detail, farm.store_detail].filter((one) => one !== "").map(clean);
        say($("farm-summary"), clean(farm.host) + " " + (OWN[farm.part] || farm.part) + (farm.part === "follows" && farm.leader !== null ? " " + clean(farm.leader) + ", which counts for the farm" : "") + "." +
            (farm.waiting > 0 ? " " + many(farm.waiting, "change", "changes") + " of it wait to be told." : "") + (farm.lag ? " It is " + many(farm.lag, "revision", "revisions") + " behind." : "") +
            (farm.gaps > 0 ? " Of " + many(farm.gaps, "span", "spans") + " of time not all is known." : "") + (problems.length > 0 ? " " + problems.join(" ") : ""));
        const count = (value) => (value === null ? "\u2013" : number(value));
        replace($("farm-rows"), (farm.hosts || []).map((host) => el("tr", null, el("th", {scope: "row"}, bidi(host.host), host.answering ? " (this one)" : ""),
            el("td", null, el("span", {class: "tag " + (PART_TAGS[host.state] || "")}, PARTS[host.state] || "no agent")), el("td", {class: "number"}, count(host.connections)), el("td", {class: "number"}, count(host.exempt)),
            el("td", null, host.last_change ? time(Date.parse(host.last_change)) : "\u2013"), el("td", null, clean(host.version || "\u2013")))));
    }

    /* ---- being live ---- */

    let retryAt = 0, seenAs = "";
    function live(state, words) {
        $("live").dataset.state = state;
        say($("live-text"), words);
        document.body.classList.toggle("stale", state === "gone" && heardAt > 0);
        show($("gone"), state === "gone");
    }
    function heard(state) {
        heardAt = Date.now();
        seenAs = $("verdict").textContent;
        live(state, state === "live" ? "Live" : "Every " + POLL_MS / 1000 + " s");
    }
    function drawGone(why) {
        const seen = heardAt > 0 ? "What you see is from " + secondFormat.format(heardAt) + ". " : "";
        live("gone", "Not live");
        replace($("gone"), [el("strong", null, why), " " + seen + "It is asked again ", el("span", {id: "retry"}), "."]);
        document.title = "not live \u2013 Farmgate";
        drawIcon(null);
        say($("verdict"), heardAt === 0 ? "The agent does not answer" : "Last seen: " + seenAs.charAt(0).toLowerCase() + seenAs.slice(1));
        if (heardAt === 0)
            say($("because"), "");
    }
    function drawRetry() {
        const node = document.getElementById("retry"), left = Math.ceil((retryAt - Date.now()) / 1000);
        if (node)
            say(node, left > 0 ? "in " + left + " s" : "now");
    }
    function failure(error) {
        if (error instanceof Refused)
            return "The agent refuses: " + clean(error.message) + ".";
        return error && error.name === "TimeoutError" ? "The agent does not answer in time." : "The agent does not answer: it is stopped, or the way to it is cut.";
    }

    /* ---- with a token ---- */

    let farmAt = 0, refreshing = null, again = false, daysOf = 0, windowOf = "";
    async function fetchHistory(signal) {
        const today = Math.floor(now() / DAY_MS), parts = [];
        if (windowOf !== status.window.start)
            parts.push(json("v1/windows", signal).then(takeWindows));
        if (daysOf !== today)
            parts.push(json("v1/days", signal).then(takeDays));
        await Promise.all(parts);
        windowOf = status.window.start;
        daysOf = today;
        const running = windows.find((one) => one.running), day = days.at(-1);
        if (running) {
            running.value = status.window.peak_users;
            running.peakAt = peakAt({at: status.window.peak_at});
        }
        if (day && day.running) {
            day.value = status.peak_today.users;
            day.peakAt = peakAt(status.peak_today);
            day.words = utcDayFormat.format(day.from) + ": " + many(day.value, "user", "users") + " so far";
        }
    }
    async function refresh(signal) {
        [status, explained] = await Promise.all([json("v1/status", signal), json("v1/explain", signal)]);
        ahead = Date.parse(status.now) - Date.now();
        drawFigures();
        drawVerdict();
        drawStatusClocks();
        drawPeople();
        await fetchHistory(signal);
        drawDay();
        drawYear();
        if (status.farm.part !== "alone" && Date.now() - farmAt > FARM_MS) {
            farmAt = Date.now();
            drawFarm(await json("v1/farm", signal));
        }
        say($("about"), "farmgated " + clean(status.version) + " on " + clean(status.host) + ". Times are this computer's (" + Intl.DateTimeFormat().resolvedOptions().timeZone + ").");
        heard("live");
    }
    /* One at a time, and never so often that the agent has nothing else to do. */
    function refreshSoon(signal, fail) {
        again = true;
        if (refreshing)
            return;
        refreshing = (async () => {
            while (again && !signal.aborted) {
                again = false;
                const began = performance.now();
                await refresh(signal);
                await sleep(Math.max(400, 4 * (performance.now() - began)), signal);
            }
        })().catch(fail).finally(() => { refreshing = null; });
    }
    function takeFrames(frames) {
        for (const frame of frames)
            if (frame.id !== null)
                lastId = frame.id;
        const found = frames.filter((frame) => frame.data !== "").map((frame) => JSON.parse(frame.data));
        if (found.length > 0)
            addEvents(found);
        return found.length > 0;
    }
    async function earlier(signal) {
        const after = Math.max(0, Number(lastId) - EVENTS_SHOWN);
        addEvents(new Frames().take(await text("v1/events?follow=false&after=" + after, signal)).filter((frame) => frame.data !== "").map((frame) => JSON.parse(frame.data)));
    }
    /* Returns never: it throws when the stream is cut, or has been silent for too long. */
    async function follow(signal, settled) {
        const stop = new AbortController(), both = AbortSignal.any([signal, stop.signal]);
        const fail = (error) => stop.abort(error);
        let silence, poll;
        const listen = () => {
            clearTimeout(silence);
            silence = setTimeout(() => fail(new DOMException("silent", "TimeoutError")), SILENCE_MS);
        };
        try {
            listen();
            const first = lastId === null, stream = await request("v1/events", both, first ? {} : {"Last-Event-ID": lastId});
            const reader = stream.body.pipeThrough(new TextDecoderStream()).getReader(), frames = new Frames();
            refreshSoon(both, fail);
            poll = setInterval(() => {
                const alone = status === null || ["alone", "leads"].includes(status.farm.part);
                if (Date.now() - heardAt >= (alone ? SLOW_POLL_MS : FOLLOWER_POLL_MS))
                    refreshSoon(both, fail);
            }, FOLLOWER_POLL_MS / 2);
            for (let begun = !first;;) {
                const {value, done} = await reader.read();
                if (done)
                    throw new TypeError("the stream has ended");
                listen();
                settled();
                if (takeFrames(frames.take(value)))
                    refreshSoon(both, fail);
                if (!begun && lastId !== null) {
                    begun = true;
                    earlier(both).catch(fail);
                }
            }
        } catch (error) {
            throw stop.signal.aborted ? stop.signal.reason : error;
        } finally {
            clearTimeout(silence);
            clearInterval(poll);
            stop.abort();
        }
    }

    /* ---- without one ---- */

    /* Prometheus' text as {name: value, 'name{label="x"}': value}. */
    function readMetrics(body) {
        const found = {};
        for (const line of body.split("\n")) {
            const cut = line.lastIndexOf(" ");
            if (cut > 0 && !line.startsWith("#"))
                found[line.slice(0, cut)] = Number(line.slice(cut + 1));
        }
        return found;
    }
    async function health(path, signal) {
        try {
            const answer = await json(path, signal);
            return answer.status === "ok" ? "" : answer.detail;
        } catch (error) {
            if (error instanceof Refused && error.status === 503)
                return error.message;
            throw error;
        }
    }
    /* The value of a label of whose samples one is 1. */
    function stateOf(metrics, name, label) {
        const begin = "farmgate_" + name + "{" + label + '="', found = Object.keys(metrics).find((key) => key.startsWith(begin) && metrics[key] === 1);
        return found === undefined ? "" : found.slice(begin.length, -2);
    }
    function drawPublic(metrics, trouble) {
        const value = (name) => metrics["farmgate_" + name], allowed = value("users_limit"), users = value("concurrent_users");
        const verdict = {open: value("gate_open") === 1, reason: stateOf(metrics, "gate_state", "reason"), admission: stateOf(metrics, "gate_admission", "admission"),
            usage: stateOf(metrics, "usage_state", "state"), term: stateOf(metrics, "term_state", "state")};
        ahead = value("licence_timestamp_seconds") * 1000 - Date.now();
        drawLevel(users, allowed === undefined ? null : allowed, [["Peak today (UTC)", value('peak_users{period="day"}'), null], ["Peak ever", value('peak_users{period="ever"}'), null],
            ["Exempt", value('connections{reason="exempt"}'), null], ["Disconnected", value("connections_disconnected"), null]]);
        $("hero").dataset.level = level(verdict);
        tellVerdict(headline(verdict));
        say($("because"), many(value("users"), "user is", "users are") + " on; " + (users === 1 ? "1 counts" : number(users) + " count") + (allowed === undefined ? "." : ", " + number(allowed) + (allowed === 1 ? " is" : " are") + " licensed."));
        for (const id of ["why", "remedies", "setbacks"])
            replace($(id), []);
        show($("todo"), false);
        show($("trouble"), false);
        show($("health"), trouble !== "");
        say($("health"), trouble === "" ? "" : "The agent says of itself: " + clean(trouble));
        drawClocks(CLOCKS.filter(([name]) => value('clock_left_seconds{clock="' + name + '"}') !== undefined).map(([name, title, , words]) =>
            ({name, title, text: words, at: now() + 1000 * value('clock_left_seconds{clock="' + name + '"}')})));
        drawTitle(verdict.open, users, allowed === undefined ? null : allowed);
    }
    async function watchPublic(signal, settled) {
        while (!signal.aborted) {
            const [body, alive, ready] = await Promise.all([text("metrics", signal), health("healthz", signal), health("readyz", signal)]);
            drawPublic(readMetrics(body), ready || alive);
            heard("polling");
            settled();
            await sleep(POLL_MS, signal);
        }
    }

    /* ---- the page's life ---- */

    let turn = new AbortController(), hidden = 0;
    function drawMode(ended) {
        document.body.classList.toggle("public", token === null);
        show($("access"), token === null);
        show($("forget"), token !== null);
        say($("ssh"), "ssh -N -L " + (location.port || "80") + ":" + location.host + " THIS-HOST");
        if (ended)
            say($("access-why"), "The link with which this page was opened does not hold any more: it has run out, was taken back, or the agent was started again. Until there is another this is what anybody on this machine may know.");
        if (token === null)
            forgetPeople();
    }
    /* Nothing that took a token stays in the page without one. */
    function forgetPeople() {
        status = explained = null;
        events = [];
        windows = [];
        days = [];
        lastId = null;
        windowOf = "";
        daysOf = farmAt = 0;
        for (const id of ["people-rows", "events", "day-rows", "year-rows", "farm-rows", "ignored-list", "place", "about", "people-summary", "farm-summary", "day-summary", "year-summary", "why", "remedies", "setbacks", "ask-answer"])
            replace($(id), []);
        $("ask-form").reset();
        $("people-filter").value = "";
        show($("farm"), false);
        dayChart.set(null);
        yearChart.set(null);
        $("day-chart").replaceChildren();
        $("year-chart").replaceChildren();
    }
    function begin(ended) {
        turn.abort();
        turn = new AbortController();
        drawMode(ended);
        run(turn.signal);
    }
    async function run(signal) {
        for (let delay = BACK_OFF_MS; !signal.aborted;) {
            try {
                await (token === null ? watchPublic : follow)(signal, () => { delay = BACK_OFF_MS; });
            } catch (error) {
                if (signal.aborted)
                    return;
                if (error instanceof Refused && error.status === 401 && token !== null) {
                    keep(null);
                    begin(true);
                    return;
                }
                const wait = delay * (0.75 + Math.random() / 2);
                retryAt = Date.now() + wait;
                drawGone(failure(error));
                drawRetry();
                await sleep(wait, signal);
                delay = Math.min(delay * 2, BACK_OFF_MAX_MS);
            }
        }
    }

    async function askGate(event) {
        event.preventDefault();
        const user = $("ask-user").value, answer = $("ask-answer");
        try {
            await request("v1/gate?" + new URLSearchParams({user, kind: $("ask-kind").value}), within(turn.signal));
            replace(answer, [el("span", {class: "tag good"}, "yes"), " ", bidi(user), " would be let in."]);
        } catch (error) {
            replace(answer, error instanceof Refused && error.status === 403 ? [el("span", {class: "tag bad"}, "no"), " ", sentence(error.message)]
                : [el("span", {class: "tag warn"}, "no answer"), " " + failure(error)]);
        }
    }
    function onVisible() {
        clearTimeout(hidden);
        if (document.hidden) {
            hidden = setTimeout(() => {
                turn.abort();
                live("connecting", "Resting while hidden");
            }, HIDDEN_MS);
        } else if (turn.signal.aborted) {
            begin(false);
        }
    }

    $("ask-form").addEventListener("submit", askGate);
    $("people-filter").addEventListener("input", () => { peopleShown = PEOPLE_SHOWN; if (explained) drawPeople(); });
    $("people-all").addEventListener("click", () => { peopleShown = Infinity; drawPeople(); });
    $("day-details").addEventListener("toggle", () => { if (status) drawDay(); });
    $("year-details").addEventListener("toggle", () => { if (status) drawYear(); });
    $("forget-link").addEventListener("click", () => { keep(null); begin(false); });
    addEventListener("hashchange", () => { if (takeFromAddress()) begin(false); });
    document.addEventListener("visibilitychange", onVisible);
    setInterval(() => { tick(); drawRetry(); }, 1000);
    recall();
    takeFromAddress();
    drawIcon(null);
    begin(false);
})();
