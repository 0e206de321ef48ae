//! The list of who is online. Pure: time comes in as an argument.

/** One user as others see them. Times in milliseconds since 1970. */
export interface Person {
  readonly user: string;
  readonly name: string;
  readonly isOnline: boolean;
  /** Since when they are online, or offline. */
  readonly since: number;
  readonly activity: string;
  readonly subject: string;
  /** When they were last heard of. */
  readonly heardAt: number;
}

/** Everybody ever heard of, by user id. */
export type Roster = ReadonlyMap<string, Person>;

/** What a message says about a user. */
export interface News {
  readonly kind: 'online' | 'offline' | 'activity';
  readonly user: string;
  readonly name?: string;
  readonly activity?: string;
  readonly subject?: string;
}

/** Somebody not heard of for so long is taken as gone, in milliseconds: three missed beats. */
export const SILENCE_MAX_MS = 45_000;
/** People kept. */
export const PEOPLE_MAX = 200;

/** Reads a body of `user.<id>`, or nothing if it is not about a user. */
export function said(body: Record<string, unknown>): News | undefined {
  const { type, user, name, activity, subject } = body;
  if (type !== 'online' && type !== 'offline' && type !== 'activity') return undefined;
  if (typeof user !== 'string') return undefined;
  return {
    kind: type,
    user,
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof activity === 'string' ? { activity } : {}),
    ...(typeof subject === 'string' ? { subject } : {}),
  };
}

/** The roster after one piece of news. */
export function hear(roster: Roster, news: News, now: number): Roster {
  const known = roster.get(news.user);
  const isOnline = news.kind !== 'offline';
  const hasTurned = known?.isOnline !== isOnline;
  const person: Person = {
    user: news.user,
    name: news.name ?? known?.name ?? news.user,
    isOnline,
    since: hasTurned || !known ? now : known.since,
    activity: isOnline ? (news.activity ?? known?.activity ?? '') : '',
    subject: isOnline && news.kind === 'activity' ? (news.subject ?? '') : (known?.subject ?? ''),
    heardAt: now,
  };
  return bounded(new Map(roster).set(news.user, person));
}

/** Takes a list of everybody who is online: others on our list are offline. */
export function readRoster(roster: Roster, users: unknown, now: number): Roster {
  if (!Array.isArray(users)) return roster;
  const next = new Map<string, Person>();
  for (const [user, person] of roster) {
    const since = person.isOnline ? now : person.since;
    next.set(user, { ...person, isOnline: false, since });
  }
  for (const entry of users as unknown[]) {
    const { user, name, since } = (entry ?? {}) as Record<string, unknown>;
    if (typeof user !== 'string') continue;
    const known = roster.get(user);
    const stated = typeof since === 'string' ? Date.parse(since) : Number.NaN;
    next.set(user, {
      user,
      name: typeof name === 'string' ? name : (known?.name ?? user),
      isOnline: true,
      since: Number.isNaN(stated) ? (known?.since ?? now) : stated,
      activity: known?.activity ?? '',
      subject: known?.subject ?? '',
      heardAt: now,
    });
  }
  return bounded(next);
}

/** Takes those as offline who have not been heard of for too long. */
export function expire(roster: Roster, now: number): Roster {
  const isSilent = ({ isOnline, heardAt }: Person): boolean =>
    isOnline && now - heardAt > SILENCE_MAX_MS;
  if (![...roster.values()].some(isSilent)) return roster;
  const aged = (person: Person): Person =>
    isSilent(person) ? { ...person, isOnline: false, since: person.heardAt } : person;
  return new Map([...roster].map(([user, person]) => [user, aged(person)]));
}

/** Online first, then by name. */
export function sorted(roster: Roster): Person[] {
  return [...roster.values()].sort(
    (a, b) => Number(b.isOnline) - Number(a.isOnline) || a.name.localeCompare(b.name),
  );
}

/** Drops those whom nobody has heard of for longest. */
function bounded(roster: Map<string, Person>): Roster {
  if (roster.size <= PEOPLE_MAX) return roster;
  const byAge = [...roster].sort(([, a], [, b]) => b.heardAt - a.heardAt);
  return new Map(byAge.slice(0, PEOPLE_MAX));
}
