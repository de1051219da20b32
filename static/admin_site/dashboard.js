/* Progressive enhancement only: the index is complete without this file. It fetches the dashboard
   anew every half minute while somebody can see it, and offers to stop that. Words come from the
   page (data-text-…), so that they stand in its language. */
(() => {
  'use strict';
  const SPAN = 30000, STOPPED = 'dashboard-stopped';
  const link = document.querySelector('[data-refresh]');
  const updated = document.querySelector('[data-updated]');
  let root = document.getElementById('dashboard');
  if (!link || !root) return;
  const words = link.dataset;
  let timer = 0, last = performance.now(), busy = false, signedOut = false, stopped = false;
  try { stopped = sessionStorage.getItem(STOPPED) === 'yes'; } catch (error) { /* storage is off */ }

  const status = Object.assign(document.createElement('p'), {className: 'visually-hidden'});
  status.setAttribute('role', 'status');
  document.body.append(status);
  const say = (text, isStale) => {
    updated.textContent = text;
    updated.classList.toggle('stale', isStale);
  };

  const schedule = () => {
    clearTimeout(timer);
    if (stopped || signedOut || document.hidden) return;
    timer = setTimeout(refresh, Math.max(0, SPAN - (performance.now() - last)));
  };

  // What somebody marks with the mouse would be gone.
  const isMarked = () => {
    const marked = getSelection();
    return marked && marked.type === 'Range' && root.contains(marked.anchorNode);
  };

  const place = element => {
    if (!element || !root.contains(element)) return null;
    const same = [...root.querySelectorAll(element.tagName)]
      .filter(other => other.getAttribute('href') === element.getAttribute('href'));
    return {tag: element.tagName, href: element.getAttribute('href'), number: same.indexOf(element)};
  };

  const put = fresh => {
    const open = [...root.querySelectorAll('details[open]')].map(details => details.id);
    const focus = place(document.activeElement);
    const scrolled = [...root.querySelectorAll('.wide')].map(box => box.scrollTop);
    const was = root.dataset.summary;
    root.replaceWith(fresh);
    root = fresh;
    for (const id of open) {
      const details = document.getElementById(id);
      if (details) details.open = true;
    }
    root.querySelectorAll('.wide').forEach((box, number) => { box.scrollTop = scrolled[number]; });
    if (focus) {
      const same = [...root.querySelectorAll(focus.tag)]
        .filter(other => other.getAttribute('href') === focus.href);
      if (same[focus.number]) same[focus.number].focus({preventScroll: true});
    }
    say(root.dataset.updated, false);
    if (root.dataset.summary !== was) status.textContent = root.dataset.summary;
  };

  async function refresh() {
    if (busy || signedOut) return;
    if (isMarked()) { last = performance.now(); return schedule(); }
    busy = true;
    try {
      const url = new URL(link.href);
      url.searchParams.set('part', 'dashboard');
      const response = await fetch(url, {cache: 'no-store'});
      const page = new DOMParser().parseFromString(await response.text(), 'text/html');
      const fresh = page.getElementById('dashboard');
      if (response.ok && fresh) put(document.adoptNode(fresh));
      else if (response.ok || response.status === 403) {
        signedOut = true;
        say(words.textSignedOut, true);
        status.textContent = words.textSignedOut;
        button.remove();
      } else say(words.textFailed, true);
    } catch (error) { say(words.textFailed, true); }
    busy = false;
    last = performance.now();
    schedule();
  }

  const button = Object.assign(document.createElement('button'),
    {type: 'button', className: 'button'});
  const label = () => { button.textContent = stopped ? words.textResume : words.textPause; };
  button.addEventListener('click', () => {
    stopped = !stopped;
    try { sessionStorage.setItem(STOPPED, stopped ? 'yes' : 'no'); } catch (error) { /* off */ }
    label();
    if (stopped) clearTimeout(timer); else refresh();
  });
  label();
  link.after(button);
  link.addEventListener('click', event => {
    if (signedOut || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    refresh();
  });
  document.addEventListener('visibilitychange', schedule);
  schedule();
})();
