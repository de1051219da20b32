/* Progressive enhancement only: every page is complete without this file.
   Words come from the page (data-text-…), so that they stand in its language. */
(() => {
  'use strict';
  const FLAG = 'whitelist-announce';
  const SECOND = 1000, SLOW = 120 * SECOND;

  // Polite announcements live in their own region; the visible timer stays silent (role=timer).
  const status = Object.assign(document.createElement('p'), {className: 'vh'});
  status.setAttribute('role', 'status');
  document.body.append(status);
  const say = text => { status.textContent = text; };

  const clock = seconds => {
    const pad = number => String(number).padStart(2, '0');
    const hours = Math.floor(seconds / 3600), minutes = Math.floor(seconds / 60) % 60;
    return (hours ? hours + ':' : '') + pad(minutes) + ':' + pad(seconds % 60);
  };

  function live(box) {
    const words = box.dataset;
    const out = box.querySelector('[data-left]'), bar = box.querySelector('[data-bar]');
    const relays = document.querySelector('[data-relays]');
    const counts = document.querySelectorAll('[data-sent]');
    const link = document.querySelector('[data-refresh]');
    const started = performance.now();
    const pendingFor = words.serverNow - words.requestedAt;
    // When the entry ends, on this page's own monotonic clock; corrected by every answer.
    let end = started + (words.expiresAt - words.serverNow);
    let paused = false, signedOut = false, timer = 0, announced = Infinity;

    const reload = () => {
      try { sessionStorage.setItem(FLAG, words.state); } catch (error) { /* storage is off */ }
      // Not reload(): a page that answered a POST would ask whether to send it again.
      location.replace(words.pageUrl);
    };

    const interval = () => {
      if (words.state !== 'pending') return 30 * SECOND;
      const waited = pendingFor + performance.now() - started;
      if (waited < 10 * SECOND) return SECOND;
      return waited < SLOW ? 3 * SECOND : 15 * SECOND;
    };

    const schedule = () => {
      clearTimeout(timer);
      if (!paused && !signedOut && !document.hidden) timer = setTimeout(poll, interval());
    };

    const apply = answer => {
      if (answer.state !== words.state) return reload();
      if (answer.expires_at) {
        end = performance.now() + (Date.parse(answer.expires_at) - Date.parse(answer.server_now));
      }
      if (relays && answer.relays.total) {
        relays.textContent = words.textRelays
          .replace('{i}', answer.relays.installed).replace('{t}', answer.relays.total);
      }
      if (answer.sent) for (const out of counts) out.textContent = answer.sent[out.dataset.sent];
      if (words.state === 'pending' && !('slow' in words)
          && pendingFor + performance.now() - started > SLOW) reload();
    };

    const onSignedOut = () => {
      signedOut = true;
      const note = Object.assign(document.createElement('p'),
        {className: 'under', textContent: words.textSignedOut});
      box.append(note);
      say(words.textSignedOut);
      button.remove();
    };

    async function poll() {
      try {
        const response = await fetch(words.statusUrl,
          {cache: 'no-store', headers: {Accept: 'application/json'}});
        const answer = await response.json();
        if (answer.state === 'signed-out') onSignedOut();
        else if (response.ok) apply(answer);
      } catch (error) { /* offline, or the service restarts: the next poll may do */ }
      schedule();
    }

    // A computer that slept stops performance.now(), not the wall clock. The time that it slept is
    // taken off at once; the server is asked what became of the rest.
    let awake = Date.now() - performance.now();
    const noticeSleep = () => {
      const slept = Date.now() - performance.now() - awake;
      awake += slept;
      if (slept < SECOND) return;
      end -= slept;
      if (!paused && !signedOut) poll();
    };

    const tick = () => {
      noticeSleep();
      const left = Math.max(0, Math.round((end - performance.now()) / SECOND));
      if (!paused) {
        if (out) out.textContent = clock(left);
        if (bar) bar.value = left;
      }
      for (const mark of [600, 300, 60]) {
        if (left <= mark && announced > mark && left > mark - 5) {
          say(mark === 60 ? words.textLast : words.textLeft.replace('{n}', mark / 60));
        }
      }
      announced = left;
      if (left) return setTimeout(tick, SECOND);
      say(words.textOver);
      // The server's clock decides; a second later it agrees. Nothing here is true any more, so
      // who has been signed out goes as well, and is asked to come in again.
      if (!paused) setTimeout(reload, 1500);
    };

    const button = Object.assign(document.createElement('button'),
      {type: 'button', className: 'linkbtn'});
    const label = () => { button.textContent = paused ? words.textResume : words.textPause; };
    button.addEventListener('click', () => {
      paused = !paused;
      label();
      if (paused) clearTimeout(timer); else poll();
    });
    label();
    if (link) link.replaceWith(button);
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) clearTimeout(timer);
      else if (!paused && !signedOut) poll();
    });
    tick();
    schedule();
  }

  // Two minutes before the session ends: one button to stay. Other tabs may have kept it alive.
  function warnBeforeTheEnd(dialog) {
    const stay = dialog.querySelector('[data-stay]');
    let timer = 0;
    const left = page => +page.querySelector('[data-session-left]').dataset.sessionLeft * SECOND;
    const wait = span => {
      clearTimeout(timer);
      timer = setTimeout(() => { if (!dialog.open) dialog.showModal(); }, span - SLOW);
    };
    stay.addEventListener('click', async () => {
      try {
        const response = await fetch(dialog.dataset.stayUrl, {cache: 'no-store'});
        const text = await response.text();
        const page = new DOMParser().parseFromString(text, 'text/html');
        dialog.close();
        // The absolute limit cannot be moved: then there is nothing more to offer.
        const now = left(page);
        if (now > SLOW) wait(now);
      } catch (error) { location.reload(); }
    });
    wait(left(document));
  }

  const box = document.querySelector('[data-live]');
  if (box) live(box);
  const warning = document.querySelector('dialog[data-session-left]');
  if (warning && warning.showModal) warnBeforeTheEnd(warning);

  // After a change of state the page was loaded anew: say where it is now.
  try {
    if (sessionStorage.getItem(FLAG)) {
      sessionStorage.removeItem(FLAG);
      const heading = document.querySelector('main h1');
      if (heading) setTimeout(() => say(heading.textContent), 300);
    }
  } catch (error) { /* storage is off */ }

  for (const button of document.querySelectorAll('[data-copy]')) {
    if (!navigator.clipboard) continue;   // absent on plain http: the text can be marked by hand
    button.hidden = false;
    button.addEventListener('click', async () => {
      const text = document.getElementById(button.dataset.copy).textContent;
      try { await navigator.clipboard.writeText(text); } catch (error) { return; }
      button.querySelector('span').textContent = button.dataset.textCopied;
      say(button.dataset.textCopied);
    });
  }

  // One click, one request. The server bears two; a person should not see the second's answer.
  for (const form of document.querySelectorAll('form[data-once]')) {
    form.addEventListener('submit', event => {
      if (form.dataset.sent) return event.preventDefault();
      form.dataset.sent = '1';
      setTimeout(() => { delete form.dataset.sent; }, 10 * SECOND);   // it was stopped, perhaps
    });
    // The page came back from the browser's history: it may be sent again.
    addEventListener('pageshow', () => { delete form.dataset.sent; });
  }

  const problem = document.querySelector('.errbox');
  if (problem) problem.focus();
})();
