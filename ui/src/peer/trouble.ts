//! What went wrong, in plain words, and what to do next. Pure.

/** What a pane tells its user. */
export interface Trouble {
  readonly title: string;
  readonly advice: string;
  /** What the broker or the browser said, word for word. */
  readonly detail: string;
  /** What the pane offers to do about it. */
  readonly remedy: 'settings' | 'declare' | 'none';
}

/** A socket's end. */
export interface Closing {
  readonly code: number;
  readonly reason: string;
  readonly url: string;
  /** Whether the broker had let us in. */
  readonly wasConnected: boolean;
  /** Whether this page came over TLS. */
  readonly isSecurePage: boolean;
}

type Explanation = Omit<Trouble, 'detail'>;

interface Rule {
  readonly pattern: RegExp;
  readonly explain: (match: RegExpExecArray) => Explanation;
}

/** Looked through in order, against `<message>: <body>` of an ERROR frame. */
const RULES: readonly Rule[] = [
  {
    pattern: /access refused for user '([^']*)'/i,
    explain: ([, user]) => ({
      title: `The broker did not let “${user}” in`,
      advice:
        'Check name and passcode. “guest” may only log in from the machine that the broker runs on.',
      remedy: 'settings',
    }),
  },
  {
    pattern: /virtual host '([^']*)'|vhost '?([^' ]*)'? not found/i,
    explain: ([, host, vhost]) => ({
      title: `There is no virtual host “${host ?? vhost}” for this user`,
      advice: 'Check the virtual host in the settings; “/” is the one that always exists.',
      remedy: 'settings',
    }),
  },
  {
    pattern: /no exchange '([^']*)'/i,
    explain: ([, exchange]) => ({
      title: `The exchange “${exchange}” does not exist yet`,
      advice: 'A back end declares it before its first message. The playground can do that now.',
      remedy: 'declare',
    }),
  },
  {
    pattern: /no queue '([^']*)'/i,
    explain: ([, queue]) => ({
      title: `The queue “${queue}” does not exist`,
      advice: 'Declare it from a back end, or use /queue/… which declares it on the way.',
      remedy: 'none',
    }),
  },
  {
    pattern:
      /(?:access_refused|access refused)[^]*?(read|write|configure) access to (.+?) in vhost/i,
    explain: ([, right, what]) => ({
      title: `This user may not ${right} ${what}`,
      advice: `Give the user the ${right} right on it, or log in as somebody who has it.`,
      remedy: 'settings',
    }),
  },
  {
    pattern: /access_refused/i,
    explain: () => ({
      title: 'This user may not do that',
      advice: 'Look at the user’s rights and destination rules, or log in as somebody else.',
      remedy: 'settings',
    }),
  },
  {
    pattern: /connection limit|too many connections/i,
    explain: () => ({
      title: 'The broker takes no more connections',
      advice: 'Close other connections of this user, or raise the limit.',
      remedy: 'none',
    }),
  },
  {
    pattern: /content_too_large|frame_too_big/i,
    explain: () => ({
      title: 'The message is larger than the broker takes',
      advice: 'Send less at once, or raise the broker’s limit.',
      remedy: 'none',
    }),
  },
  {
    pattern: /inequivalent arg/i,
    explain: () => ({
      title: 'It exists already, with other properties',
      advice: 'Delete it first, or use it the way it was declared.',
      remedy: 'none',
    }),
  },
  {
    pattern: /unknown destination|invalid destination/i,
    explain: () => ({
      title: 'The broker does not know this kind of destination',
      advice: 'Destinations begin with /exchange/, /topic/, /queue/, /amq/queue/ or /temp-queue/.',
      remedy: 'none',
    }),
  },
  {
    pattern: /connection_forced/i,
    explain: () => ({
      title: 'An operator closed this connection',
      advice: 'Nothing is lost: the playground connects again and sends what is waiting.',
      remedy: 'none',
    }),
  },
];

/** Explains an ERROR frame: its `message` header and its body. */
export function explainError(message: string, body: string): Trouble {
  const detail = [message, body.trim()].filter(Boolean).join(': ');
  for (const { pattern, explain } of RULES) {
    const match = pattern.exec(detail);
    if (match) return { ...explain(match), detail };
  }
  return {
    title: 'The broker refused something',
    advice: 'Its words below say what. The frames of this pane show what was sent before.',
    detail,
    remedy: 'none',
  };
}

/** Explains why a socket ended. */
export function explainClosing(closing: Closing): Trouble {
  const { code, reason, url, wasConnected, isSecurePage } = closing;
  const detail = `WebSocket closed with code ${code}${reason ? `: ${reason}` : ''}`;
  if (isSecurePage && url.startsWith('ws:')) {
    return {
      title: 'A page over https may not open a ws:// address',
      advice: 'Use wss:// (the broker’s TLS port, usually 15673), or open this page over http.',
      detail,
      remedy: 'settings',
    };
  }
  if (!wasConnected) {
    return {
      title: `Nothing that speaks STOMP answers at ${url}`,
      advice:
        'Is the broker running, its WebSocket port reachable from here, and the path right (/ws)?',
      detail,
      remedy: 'settings',
    };
  }
  if (code === 1012) {
    return {
      title: 'The broker is restarting',
      advice: 'Nothing to do: the playground comes back as soon as the broker does.',
      detail,
      remedy: 'none',
    };
  }
  if (code === 1007 || code === 1009) {
    return {
      title: 'The broker could not take a frame',
      advice: 'It was malformed or too large. The last frame sent below is the one to look at.',
      detail,
      remedy: 'none',
    };
  }
  return {
    title: 'The connection was lost',
    advice: 'Nothing to do: what you send now waits and goes out in order after reconnecting.',
    detail,
    remedy: 'none',
  };
}

/** Explains a URL that no socket can be made for. */
export function explainUrl(url: string, detail: string): Trouble {
  return {
    title: `“${url}” is not the address of a WebSocket`,
    advice: 'It looks like ws://localhost:15674/ws.',
    detail,
    remedy: 'settings',
  };
}
