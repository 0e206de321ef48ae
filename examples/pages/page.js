// What the example pages share: who and where (from the page's address), the connection and its
// bar, and messages in the shape of docs/scenarios.md. Everything is in one global, `page`.
//
// ?user=7 who this page is · ?url=ws://localhost:15674/ws · ?login=guest · ?passcode=guest

const page = (() => {
  const parameters = new URLSearchParams(location.search);
  const user = parameters.get('user') || '7';
  const url = parameters.get('url') || 'ws://localhost:15674/ws';

  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  // The bar on top.
  const state = element('b', { textContent: 'closed' });
  const pending = element('span');
  const problem = element('output');
  const who = `${url} as user ${user}`;
  const bar = element('div', { className: 'bar' }, state, who, pending, problem);
  const links = ['notifications', 'presence', 'chat', 'dashboard', 'editing'].map((name) => {
    const link = element('a', { href: `${name}.html${location.search}`, textContent: name });
    if (location.pathname.endsWith(`/${name}.html`)) link.setAttribute('aria-current', 'page');
    return link;
  });
  document.body.prepend(element('nav', {}, ...links), bar);

  const client = new hopwire.HopwireClient({
    url,
    login: parameters.get('login') || 'guest',
    passcode: parameters.get('passcode') || 'guest',
  });
  client.on('state', (now) => {
    bar.dataset.state = state.textContent = now;
    if (now === 'connected' && !isWaiting) problem.textContent = '';
  });
  client.on('pending', (count) => {
    pending.textContent = count === 0 ? '' : `${count} on their way`;
  });
  client.on('error', (error) => {
    if (!isMissing(error)) problem.textContent = error.message;
  });

  // The exchanges are declared by the back end; a page that comes first waits for it.
  const isMissing = (error) => /not_found|closed with 1000/.test(error.message);
  let isWaiting = false;

  async function follow(destination, handler) {
    const RETRY_MS = 3000;
    for (;;) {
      try {
        await client.subscribe(destination, handler).ready;
        isWaiting = false;
        problem.textContent = '';
        return;
      } catch (error) {
        if (!isMissing(error)) return;
      }
      isWaiting = true;
      const exchange = destination.split('/')[2];
      const hint = `php ${exchange}.php in examples/php declares it`;
      problem.textContent = `Exchange '${exchange}' is not there yet: ${hint}`;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  // A message may come twice (sent again after a lost connection); its id tells.
  const seen = new Set();
  const SEEN_MAX = 10_000;
  function isNew({ id }) {
    if (seen.has(id)) return false;
    seen.add(id);
    if (seen.size > SEEN_MAX) seen.delete(seen.values().next().value);
    return true;
  }

  return {
    client,
    user,
    element,
    /** Subscribes, and hands over each message once; resolved when the broker has subscribed us. */
    follow: (destination, handler) =>
      follow(destination, (body) => (isNew(body) ? handler(body) : undefined)),
    /** Sends to an exchange; the promise is settled by the broker's receipt. */
    send(exchange, key, type, fields, isFleeting = false) {
      // `crypto.randomUUID` is only there for pages served over TLS or from this machine.
      const bytes = crypto.getRandomValues(new Uint8Array(16));
      const id = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
      const body = { type, id, time: new Date().toISOString(), ...fields };
      const headers = { type, 'amqp-message-id': id };
      const sent = client.sendToExchange(exchange, key, body, { persistent: !isFleeting, headers });
      sent.catch((error) => (problem.textContent = error.message));
      return { body, sent };
    },
    /** Puts a new entry on top of a list. */
    show(list, ...children) {
      const LENGTH_MAX = 200;
      list.prepend(element('li', {}, ...children));
      while (list.children.length > LENGTH_MAX) list.lastChild.remove();
    },
    /** The time of a message as the reader's clock shows it. */
    clock: ({ time }) => element('time', { textContent: new Date(time).toLocaleTimeString() }),
    /** Connects; a refused login is shown in the bar. */
    start: () => client.connect().catch((error) => (problem.textContent = error.message)),
  };
})();
