#!/usr/bin/env python3
"""The status page in a headless Chromium, against a real agent: what it shows in every state of the farm, live, with a link and
without one, when the agent dies and comes back; that names cannot break it, that nothing leaves it, that everybody can use it.
Pictures of it are left in BUILD/web.     test_web.py BUILD"""
import base64
import contextlib
import hashlib
import math
import os
import random
import re
import shutil
import sqlite3
import sys
import time

from browser import Browser, program
from farm_hosts import Farm
from harness import Agent, Authority, Place, Tap, free_port, request, wait_until
from years import DAY, HOUR, MINUTE, Years, possible

BUILD = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
PICTURES = os.path.join(BUILD, "web")
LIMIT = 25
HOST = "rds-munich-01"
HOSTILE = ("<img src=x onerror=alert(1)>", "';--<script>alert(1)</script>", "\u202egnp.exe", "n" * 200, "\U0001f469\u200d\U0001f4bb rocket \U0001f680",
           "\u0645\u0633\u062a\u062e\u062f\u0645", "CORP\\m\u00fcller-l\u00fcdenscheidt", "&lt;b&gt;", "{{7*7}}", "-" * 80)
PEOPLE = ("anna.schmidt", "b.keller", "CORP\\carla", "d.novak", "emil", "fatima.k", "g.rossi", "hanna", "i.petrov", "jun.tanaka")
LIVE = "document.querySelector('#live').dataset.state === 'live'"
SHOWN = "document.querySelector('#year-chart svg .bar') !== null"
with open(os.path.join(HERE, "web_checks.js"), encoding="utf-8") as checks_file:
    CHECKS = checks_file.read()
tap = Tap()


def listening(agent, more=""):
    """Its configuration with a TCP address; the address."""
    address = ("127.0.0.1", free_port())
    with open(agent.conf, encoding="utf-8") as file:
        text = file.read()
    with open(agent.conf, "w", encoding="utf-8") as file:
        file.write(text.replace("api: {", 'api: { listen = "%s:%d"; %s' % (*address, more)))
    return address


def past(agent):
    """A year of days, and the last day's windows, in the agent's database while it is stopped."""
    random.seed(7)
    now = int(time.time() * 1000)
    with contextlib.closing(sqlite3.connect(os.path.join(agent.state, "farmgate.db"))) as db, db:
        for back in range(1, 400):
            start = now // DAY * DAY - back * DAY
            weekend = (start // DAY + 4) % 7 in (0, 6)
            peak = LIMIT * (1.0 - 0.45 * back / 400) * (0.18 if weekend else 1) * random.uniform(0.85, 1.12)
            if back not in (200, 201, 202):
                db.execute("INSERT OR REPLACE INTO days VALUES (?, ?, ?)", (start, start + 10 * HOUR, int(peak)))
        for back in range(1, 73):
            start = (now // (20 * MINUTE) - back) * 20 * MINUTE
            hour = start % DAY / HOUR
            peak = LIMIT * (1.02 * math.exp(-((hour - 10) / 3.2) ** 2) + 0.72 * math.exp(-((hour - 14.5) / 2.2) ** 2)) + random.uniform(0, 1.3)
            db.execute("INSERT OR REPLACE INTO windows VALUES (?, ?, ?, ?, 1, 1, 1, ?, 'f-past', ?, '')",
                       (start, start + 20 * MINUTE, start + MINUTE, int(peak), 1000 - back, "a" if back > 1 else "c"))


def link(agent):
    return agent.ctl("web", socket_path=agent.socket).stdout.strip()


def picture(page, name, whole=True):
    page.picture(os.path.join(PICTURES, name + ".png"), whole)


def sound(page, name):
    """It can be read and used."""
    found = page.run(CHECKS)
    tap.equal(found["complaints"], [], "%s: roles, labels, room and contrast (%d texts, the lowest %.1f)" % (name, found["texts"], found["lowest"]))


def everywhere(page, name, narrow=True):
    """The same on paper, small and large, light and dark."""
    for shape, width, dark in (("light", 1280, False), ("dark", 1280, True)) + ((("narrow", 320, False), ("wide", 1920, False)) if narrow else ()):
        page.size(width, 900)
        page.media(dark=dark)
        page.until("document.querySelector('#day-chart svg')?.viewBox.baseVal.width === document.querySelector('#day-chart').clientWidth", 2)
        sound(page, "%s, %s" % (name, shape))
        picture(page, name + "-" + shape)
    page.size(1280, 900)
    page.media()


def users_shown(page):
    return page.run("[...document.querySelectorAll('#people-rows th')].map(node => node.textContent)")


def served(address):
    answer = request(address, "GET", "/")
    policy, body = answer.headers["content-security-policy"], answer.body.decode()
    script, style = (re.search(r"<%s>(.*)</%s>" % (tag, tag), body, re.S).group(1) for tag in ("script", "style"))
    for text, word in ((script, "script-src"), (style, "style-src")):
        wanted = "%s 'sha256-%s';" % (word, base64.b64encode(hashlib.sha256(text.encode()).digest()).decode())
        tap.ok(wanted in policy, "the policy knows its %s" % word, policy)
    tap.ok(len(answer.body) <= 60000, "it has %d bytes" % len(answer.body))
    tap.equal(set(re.findall(r"https?://[^\s\"'<>)]+", body)), {"http://www.w3.org/2000/svg"}, "and names nothing elsewhere")


def without_token(page, address, agent):
    page.go("http://%s:%d/" % address)
    page.until("document.querySelector('#live').dataset.state === 'polling'")
    tap.equal(page.text("#verdict"), "The gate is closed: this farm is not activated", "without a token: the verdict")
    tap.equal(page.text("#count, .count"), "0 no licence yet", "and that there is no licence")
    sound(page, "not activated")
    picture(page, "not-activated")
    tap.ok("farmgate web" in page.text("#access") and "ssh -N -L %d:127.0.0.1:%d" % (address[1], address[1]) in page.text("#access"),
           "and how to get a link, from a desk too", page.text("#access"))
    tap.ok(not page.run("[...document.querySelectorAll('.named')].some(node => node.checkVisibility())"), "nothing that takes one is shown")
    tap.equal({url.split("/", 3)[3] for _, url, _ in page.requests}, {"", "metrics", "healthz", "readyz"}, "nothing that takes one is asked")
    tap.ok(all("Authorization" not in headers for _, _, headers in page.requests), "and no token sent")
    page.run("(document.querySelector('#ask-user').value = 'zoe <b>', document.querySelector('#ask-form').requestSubmit())")
    tap.ok(page.until("document.querySelector('#ask-answer').innerText.startsWith('no')"), "the gate refuses a user", page.text("#ask-answer"))
    tap.ok("not activated" in page.text("#ask-answer"), "and the page says why", page.text("#ask-answer"))
    tap.ok(agent.get("/v1/status").json()["verdict"]["open"] is False, "it is as it was")


def token_flow(page, url):
    secret = url.partition("=")[2]
    page.go("about:blank")
    page.requests.clear()
    page.go(url)
    tap.ok(page.until(LIVE + " && " + SHOWN), "with a link it is live", page.text("body"))
    tap.ok(secret not in page.run("location.href + document.documentElement.outerHTML"), "the key is gone from the address, and is nowhere in the page")
    tap.equal(page.run("Object.values(sessionStorage).concat(Object.values(localStorage), document.cookie)"), [secret, ""],
              "it is kept for the tab alone")
    origin = url.partition("#")[0]
    tap.ok(all(asked.startswith(origin) and secret not in asked for _, asked, _ in page.requests), "nobody else is asked", page.requests)
    tap.ok(all(headers.get("Authorization") == "Bearer " + secret for _, asked, headers in page.requests if "/v1/" in asked), "the agent is told it in a header")
    page.call("Page.reload")
    tap.ok(page.until("document.readyState === 'complete' && " + LIVE), "a reload needs no new link")
    other = page.browser.page()
    other.go(origin)
    other.until("document.querySelector('#live').dataset.state === 'polling'")
    tap.ok(other.run("document.querySelector('#access').checkVisibility()"), "another tab has none")
    picture(other, "without-token")
    sound(other, "without a token")
    tap.equal(other.complaints, [], "nor anything to complain of")
    other.call("Page.close")


def live_updates(page, agent):
    agent.put(HOST, "live", "late.comer", kind="application")
    began = time.monotonic()
    tap.ok(page.until("document.querySelector('#people-rows').innerText.includes('late.comer')", 5), "who comes is shown (%.1f s)" % (time.monotonic() - began))
    tap.ok(page.until("document.querySelector('#events li').innerText.includes('late.comer')", 2), "and what happened", page.text("#events"))
    count = int(page.text("#users"))
    agent.end(HOST, "live")
    tap.ok(page.until("document.querySelector('#users').innerText === '%d'" % (count - 1), 5), "who leaves counts no more")
    tap.ok(page.until("!document.querySelector('#people-rows').innerText.includes('late.comer')", 5), "and is not listed")
    stored = agent.get("/v1/events?after=0&follow=false").body.count(b"\ndata: ")
    tap.equal(page.run("document.querySelectorAll('#events li').length"), min(40, stored), "of events the last forty are shown, with those of before")


def hostile_names(page, agent):
    before = page.run("['img', 'script', 'b', 'iframe'].map(name => document.body.querySelectorAll(name).length)")
    for at, user in enumerate(HOSTILE):
        agent.put(HOST, "x%d" % at, user, connected_at="2026-01-05T08:00:00Z")
    page.until("document.querySelectorAll('#people-rows tr').length === %d" % (len(HOSTILE) + len(PEOPLE) + 1))
    shown = users_shown(page)
    tap.ok(all(user.replace("\u202e", "\u27e8U+202E\u27e9") in shown for user in HOSTILE), "names are shown as they are, what turns a line round by its number", shown)
    tap.equal(page.run("['img', 'script', 'b', 'iframe'].map(name => document.body.querySelectorAll(name).length)"), before, "and become no element")
    tap.equal(page.run("[...document.querySelectorAll('#people-rows th bdi')].length"), len(shown), "each by itself, whichever way it is written")


def pictures_as_tables(page, agent):
    for name, path, rows in (("day", "/v1/windows", "windows"), ("year", "/v1/days", "days")):
        listed = agent.get(path).json()[rows]
        page.run("document.querySelector('#%s-details').open = true" % name)
        tap.ok(page.until("document.querySelectorAll('#%s-rows tr').length === %d" % (name, len(listed))), "%s: as many rows as the agent tells of" % name)
        peaks = page.run("[...document.querySelectorAll('#%s-rows td:nth-child(2)')].map(node => Number(node.textContent)).reverse()" % name)
        tap.equal(peaks, [row["peak_users"] for row in listed], "%s: with its numbers" % name)
        page.run("document.querySelector('#%s-details').open = false" % name)
    page.size(1920, 900)
    tap.ok(page.until("document.querySelectorAll('#year-chart .bar, #year-chart .zero').length === %d" % len(agent.get("/v1/days").json()["days"])),
           "a wide page has a bar a day")
    page.size(1280, 900)
    tap.ok(page.until("document.querySelectorAll('#year-chart .bar').length < 60"), "a narrower one, a week")
    tap.ok(page.run("document.querySelectorAll('#day-chart .over').length") > 0, "what is above the limit is marked")
    page.run("document.querySelector('#day-chart').focus()")
    page.key("End")
    last = page.text("#day-readout")
    page.key("ArrowLeft")
    tap.ok("so far" in last and page.text("#day-readout") not in (last, ""), "the arrow keys walk through it", page.text("#day-readout"))
    tap.equal(page.run("document.querySelector('#day-chart').getAttribute('aria-valuetext')"), page.text("#day-readout"), "and say where they are")
    page.run("document.activeElement.blur()")


def keyboard(page):
    """Everything that can be used is reached by the Tab key, in the order of the page, and is seen to be."""
    page.run("(document.querySelector('.skip').focus(), scrollTo(0, 0))")
    places, unseen = [["skip", "solid", 0]], []
    for _ in range(25):
        page.key("Tab")
        here = page.run("""(node => { const again = node.dataset.tabbed !== undefined; node.dataset.tabbed = '';
            return again ? null : [node.id || node.className || node.tagName, getComputedStyle(node).outlineStyle,
                                   node.getBoundingClientRect().top + scrollY]; })(document.activeElement)""")
        if here is None or here[0] in ("skip", "BODY"):
            break
        places.append(here)
        unseen += [here[0]] if here[1] == "none" else []
    names = [place[0] for place in places]
    tap.ok(names[0] == "skip" and {"day-chart", "year-chart", "ask-user", "ask-kind", "people-filter", "forget-link"} <= set(names), "Tab reaches everything", names)
    tap.equal(unseen, [], "and shows where it is")
    page.run("document.activeElement.blur()")


def spoken(page):
    nodes = page.tree()
    roles = [role for role, _ in nodes]
    tap.ok({"banner", "main", "contentinfo", "meter", "status", "table", "caption", "slider"} <= set(roles), "assistive programs are told of it", sorted(set(roles)))
    nameless = [role for role, name in nodes if role in ("button", "link", "textbox", "searchbox", "combobox", "slider", "meter", "region", "heading") and not name]
    tap.equal(nameless, [], "by name")
    tap.equal(page.run("document.getAnimations().length"), 0, "nothing moves where that is not wanted")


def find(page, agent):
    body = "".join('{"event":"put","host":"rds-munich-02","id":"m%d","user":"student%03d","kind":"desktop","administrator":false}\n' % (i, i) for i in range(600))
    agent.call("POST", "/v1/connections", body)
    tap.ok(page.until("document.querySelector('#users').innerText.replace(/\\D/g, '') > 600"), "six hundred more come", page.text("#users"))
    tap.equal(page.run("document.querySelectorAll('#people-rows tr').length"), 60, "sixty are listed")
    sound(page, "many users")
    page.size(1280, 1800)
    page.run("scrollTo(0, 0)")
    picture(page, "many-users", whole=False)
    page.size(1280, 900)
    page.click("#people-all")
    tap.ok(page.run("document.querySelectorAll('#people-rows tr').length") > 600, "and all, when asked for")
    page.run("(document.querySelector('#people-filter').value = 'STUDENT42', document.querySelector('#people-filter').dispatchEvent(new Event('input')))")
    tap.equal(users_shown(page), ["student%d" % i for i in range(420, 430)], "one finds by name")
    page.run("(document.querySelector('#people-filter').value = '', document.querySelector('#people-filter').dispatchEvent(new Event('input')))")
    page.until("document.querySelector('#hero').dataset.level === 'warn'")
    tap.ok("although" in page.text("#because").lower() and page.run("document.querySelector('#meter-over').clientWidth") > 0, "above the limit it says so", page.text("#hero"))
    agent.call("PUT", "/v1/connections/rds-munich-02", {"connections": []})
    page.until("document.querySelector('#users').innerText.replace(/\\D/g, '') < 100")


def gate_asked(page):
    page.run("(document.querySelector('#ask-user').value = 'anna.schmidt', document.querySelector('#ask-form').requestSubmit())")
    tap.ok(page.until("document.querySelector('#ask-answer').innerText.startsWith('yes')"), "the gate lets a user in", page.text("#ask-answer"))


def death_and_return(page, agent):
    """With a token of the token file, which outlives restarts."""
    agent.kill()
    tap.ok(page.until("document.querySelector('#live').dataset.state === 'gone'", 5), "when the agent dies the page is not live")
    tap.ok(re.search(r"does not answer: .*What you see is from .*asked again", page.text("#gone")), "it says so, and from when it is", page.text("#gone"))
    tap.ok(page.text("#verdict").startswith("Last seen: the gate is open"), "of the verdict too", page.text("#verdict"))
    sound(page, "agent gone")
    picture(page, "agent-gone")
    agent.start()
    agent.put(HOST, "meanwhile", "meanwhile")
    tap.ok(page.until(LIVE, 8), "when it is back so is the page", page.text("#gone"))
    tap.ok(page.until("document.querySelector('#events').innerText.includes('meanwhile')", 5), "with what happened meanwhile", page.text("#events"))
    starts = page.run("[...document.querySelectorAll('#events li')].filter(node => node.textContent.includes('agent_started')).length")
    tap.ok(starts >= 1 and page.text("#verdict") == "The gate is open", "the start among it")


def link_ends(page, agent, address):
    page.go(link(agent))
    page.until(LIVE + " && " + SHOWN)
    agent.ctl("web", "--revoke")
    tap.ok(page.until("document.body.classList.contains('public')", 8), "a link that is taken back ends the page at once")
    page.until("document.querySelector('#live').dataset.state === 'polling'")
    tap.ok("does not hold any more" in page.text("#access"), "which says so", page.text("#access"))
    tap.ok(not any(user in page.run("document.documentElement.outerHTML") for user in PEOPLE), "and keeps no name")
    tap.equal(page.run("sessionStorage.length"), 0, "and no key")
    page.run("location.hash = 'token=' + %r" % link(agent).partition("=")[2])
    tap.ok(page.until(LIVE), "another link in the same tab is taken")
    page.click("#forget-link")
    tap.ok(page.until("document.body.classList.contains('public')") and page.run("sessionStorage.length") == 0, "and is forgotten when that is wanted")
    page.go("http://%s:%d/#token=%s" % (*address, "0" * 64))
    tap.ok(page.until("document.querySelector('#access-why').innerText.includes('does not hold')"), "one that never was is no better")


def resting(browser, url):
    """A page that nobody sees lets its connection go; a minute is made short."""
    page = browser.page()
    page.call("Page.addScriptToEvaluateOnNewDocument", source="""const later = setTimeout;
        window.setTimeout = (done, ms, ...rest) => later(done, ms === 60000 ? 50 : ms, ...rest);
        window.hide = (hidden) => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true}); document.dispatchEvent(new Event('visibilitychange')); };""")
    page.go(url)
    page.until(LIVE)
    page.run("hide(true)")
    tap.ok(page.until("document.querySelector('#live').innerText.includes('Resting')", 3), "hidden it rests")
    page.run("hide(false)")
    tap.ok(page.until(LIVE, 5), "seen again it is live")
    tap.equal(page.complaints, [], "without a complaint")
    page.call("Page.close")


def guarded(page):
    """What should ever get into the page as markup or script does nothing."""
    page.run("""(() => { const node = document.createElement('script');
        try { node.textContent = 'window.pwned = 1'; document.body.append(node); } catch (error) { window.refused = String(error); }
        try { document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.pwned = 1">'); } catch (error) { window.refused += error; } })()""")
    time.sleep(0.2)
    tap.equal(page.run("typeof window.pwned"), "undefined", "a script that gets in does not run", )
    told = page.run("fetch('http://127.0.0.2:9/').then(() => 'sent', () => 'refused')")
    tap.equal(told, "refused", "and cannot tell anybody")
    tap.ok(len(page.complaints) > 0, "the browser says that it was refused")


def one_host(place, browser, authority):
    agent = Agent(place, BUILD, authority, host=HOST)
    token = "wall-screen-0123456789"
    tokens = place.write("tokens", "wall:read:%s\n" % hashlib.blake2b(token.encode(), digest_size=32).hexdigest())
    address = listening(agent, 'token_file = "%s";' % tokens)
    agent.start()
    served(address)
    page = browser.page()
    without_token(page, address, agent)
    agent.activate(authority.new_key(LIMIT))
    page.go(link(agent))
    tap.ok(page.until(LIVE + " && document.querySelector('#verdict').innerText === 'The gate is open'"), "an empty farm is open", page.text("#hero"))
    tap.equal(page.text("#people-summary"), "Nobody is on.", "and nobody is on it")
    tap.equal(page.text("#ask-answer"), "", "what the gate answered while it was closed is gone")
    everywhere(page, "empty", narrow=False)
    agent.stop()
    past(agent)
    agent.start()
    for at, user in enumerate(PEOPLE):
        agent.put(HOST, "s%d" % at, user, kind="desktop" if at % 3 else "application", route="rdp" if at % 2 else "broker",
                  state="disconnected" if at % 5 == 4 else "active")
    agent.put("rds-munich-02", "x1", "anna.schmidt", kind="application")
    agent.put(HOST, "adm", "administrator", administrator=True)
    token_flow(page, link(agent))
    tap.equal((page.text("#verdict"), page.text(".count")), ("The gate is open", "10 of %d licensed" % LIMIT), "the verdict, and users against the limit")
    tap.ok("exempt 1 of 2" in page.text("#people-rows"), "why one does not count", page.text("#people-rows"))
    hostile_names(page, agent)
    everywhere(page, "open")
    page.paper(os.path.join(PICTURES, "open.pdf"))
    live_updates(page, agent)
    pictures_as_tables(page, agent)
    keyboard(page)
    spoken(page)
    gate_asked(page)
    find(page, agent)
    tap.equal(page.complaints, [], "no violation of the policy, no exception, all along")
    page.go("http://%s:%d/#token=%s" % (*address, token))
    page.until(LIVE)
    death_and_return(page, agent)
    link_ends(page, agent, address)
    resting(browser, link(agent))
    guarded(page)
    page.call("Page.close")
    agent.stop()


def through_the_years(place, browser):
    """Overuse, licences that have run out, and a farm that is deactivated."""
    if not possible():
        tap.skip("overuse and deactivation", "needs root, time namespaces and libfaketime")
        return
    authority = Authority(place, BUILD, name="later").start()
    agent = Agent(place, BUILD, authority, name="aged", host=HOST)
    address = listening(agent, 'token_file = "%s";' % place.join("tokens"))
    with open(agent.conf, encoding="utf-8") as file:
        text = file.read().replace("sessions: {", 'sessions: { api_lease = "0";').replace("gate: {", 'gate: { overuse_settle = "0";')
    place.write("aged.conf", text)
    agent.start()
    years = Years(authority, agent)
    agent.activate(authority.new_key(2))
    for user in ("alice", "bob", "carol"):
        agent.put(HOST, user, user)
    page = browser.page()
    page.go("http://%s:%d/#token=wall-screen-0123456789" % address)
    tap.ok(page.until(LIVE + " && document.querySelector('#hero').dataset.level === 'warn'"), "in the overuse grace it warns", page.text("#hero"))
    tap.ok("Overuse grace ends" in page.text("#clocks") and re.search(r"in 6 d 2\d h", page.text("#clocks")), "and its clock runs", page.text("#clocks"))
    tap.ok("add 1 licence" in page.text("#todo"), "and what to do is said", page.text("#todo"))
    everywhere(page, "grace", narrow=False)
    years.jump(years.now() + 7 * DAY + 5 * MINUTE)
    tap.ok(page.until(LIVE + " && document.querySelector('#verdict').innerText === 'Licences have run out'", 15), "when it is spent, licences have run out", page.text("#hero"))
    tap.ok("deactivated" in page.text("#clocks"), "and the clock of deactivation runs", page.text("#clocks"))
    tap.ok("farmgate connections" in (page.text("#remedies code") or ""), "and a command is told from words", page.text("#remedies"))
    picture(page, "run-out")
    years.jump(years.now() + 61 * MINUTE)
    years.jump(years.now() + 25 * MINUTE)
    tap.ok(page.until(LIVE + " && document.querySelector('#hero').dataset.level === 'bad'", 15), "deactivated it is closed", page.text("#hero"))
    tap.equal(page.text("#verdict"), "The gate is closed: too many users for too long", "which the verdict says")
    tap.ok(page.until("document.title.startsWith('CLOSED')"), "and the title", page.run("document.title"))
    everywhere(page, "closed", narrow=False)
    tap.equal(page.complaints, [], "without a complaint")
    page.call("Page.close")
    agent.stop()
    authority.stop()


def many_hosts(place, browser, authority):
    if not shutil.which("etcd") or not shutil.which("etcdctl"):
        tap.skip("a farm of many hosts", "no etcd and etcdctl in PATH")
        return
    with Farm(place, BUILD, authority=authority) as farm:
        first = farm.host("rds1", start=False)
        listening(first)
        first.start()
        first.activate(authority.new_key(10))
        second = farm.host("rds2", start=False)
        listening(second)
        second.start()
        first.put("rds1", "1", "alice")
        second.put("rds2", "1", "bob")
        wait_until(lambda: second.status()["concurrent_users"] == 2)
        page = browser.page()
        page.go(link(second))
        tap.ok(page.until(LIVE + " && document.querySelectorAll('#farm-rows tr').length === 2"), "a farm's hosts are shown", page.text("#farm"))
        tap.ok("rds2 follows rds1, which counts for the farm" in page.text("#farm-summary"), "and who leads", page.text("#farm-summary"))
        tap.ok("leads: counts for all" in page.text("#farm-rows"), "in the table too")
        tap.ok(page.until("document.querySelector('#users').innerText === '2'", 3), "users are the farm's", page.text("#users"))
        first.put("rds1", "2", "carol")
        tap.ok(page.until("document.querySelector('#users').innerText === '3'", 10), "also those who come to another host later", page.text("#users"))
        tap.ok("This host's own; rds1 knows the farm's." in page.text("#people-summary"), "names are this host's, and it says so", page.text("#people-summary"))
        sound(page, "a farm")
        picture(page, "farm")
        tap.equal(page.complaints, [], "without a complaint")
        page.call("Page.close")


def main():
    if not program():
        tap.skip("the status page in a browser", "no chromium")
        tap.done()
    os.makedirs(PICTURES, exist_ok=True)
    with Place() as place:
        authority = Authority(place, BUILD).start()
        browser = Browser(place)
        try:
            for part, words in ((one_host, (authority,)), (through_the_years, ()), (many_hosts, (authority,))):
                began = time.monotonic()
                part(place, browser, *words)
                print("# %s: %.1f s" % (part.__name__, time.monotonic() - began))
        finally:
            browser.close()
    tap.done()


main()
