//! What the page remembers: the broker's address and who the two users are.

/** One pane's login and user. */
export interface PaneSettings {
  /** The broker's user. */
  readonly login: string;
  readonly passcode: string;
  /** The application's user: one word of a routing key. */
  readonly user: string;
}

/** Both panes and what they share. */
export interface Settings {
  readonly url: string;
  readonly vhost: string;
  readonly panes: readonly [PaneSettings, PaneSettings];
}

/** Where things are kept; `localStorage` and `sessionStorage` in the page. */
export interface Keeper {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/** Web STOMP's port, as RabbitMQ has it. */
const WEB_STOMP_PORT = 15674;
const KEY = 'hopwire.playground';
/** docs/scenarios.md: one word, 1 to 64 of these characters. */
const USER = /^[A-Za-z0-9_-]{1,64}$/;

/** The broker beside this page: same host, Web STOMP's port. */
export function defaultUrl(hostname: string): string {
  return `ws://${hostname || 'localhost'}:${WEB_STOMP_PORT}/ws`;
}

/** What holds on the first visit. */
export function defaults(hostname: string): Settings {
  const guest = { login: 'guest', passcode: 'guest' };
  return {
    url: defaultUrl(hostname),
    vhost: '/',
    panes: [
      { ...guest, user: 'ada' },
      { ...guest, user: 'grace' },
    ],
  };
}

/** Reads what was kept; what is missing or makes no sense is the default. */
export function load(lasting: Keeper, session: Keeper, hostname: string): Settings {
  const base = defaults(hostname);
  const kept = read(lasting);
  const secrets = read(session);
  const pane = (index: 0 | 1): PaneSettings => {
    const known = object(object(kept.panes)[index]);
    const fallback = base.panes[index];
    const login = text(known.login, fallback.login);
    const secret = object(secrets.passcodes)[index];
    return {
      login,
      // A kept login without its passcode (the tab was closed) must be typed again.
      passcode: text(secret, login === fallback.login ? fallback.passcode : '', 0),
      user: isUser(known.user) ? known.user : fallback.user,
    };
  };
  const panes: [PaneSettings, PaneSettings] = [pane(0), pane(1)];
  return { url: text(kept.url, base.url), vhost: text(kept.vhost, base.vhost), panes };
}

/** Keeps the settings: passcodes only as long as the tab lives. */
export function save(settings: Settings, lasting: Keeper, session: Keeper): void {
  const panes = settings.panes.map(({ login, user }) => ({ login, user }));
  const passcodes = settings.panes.map(({ passcode }) => passcode);
  try {
    lasting.setItem(KEY, JSON.stringify({ url: settings.url, vhost: settings.vhost, panes }));
    session.setItem(KEY, JSON.stringify({ passcodes }));
  } catch {
    // Storage is full or forbidden: the page works without it.
  }
}

/** Whether a user id may stand in a routing key. */
export function isUser(value: unknown): value is string {
  return typeof value === 'string' && USER.test(value);
}

/** `ada` → `Ada`: how a user is shown. */
export function displayName(user: string): string {
  return user.charAt(0).toUpperCase() + user.slice(1);
}

function read(keeper: Keeper): Record<string, unknown> {
  try {
    return object(JSON.parse(keeper.getItem(KEY) ?? '{}'));
  } catch {
    return {};
  }
}

function object(value: unknown): Record<string | number, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown, fallback: string, lengthMin = 1): string {
  return typeof value === 'string' && value.length >= lengthMin ? value : fallback;
}
