//! Online status: what this user does, and who else is there.

import { Ago, Lasting } from '../../parts/ago';
import { Avatar, tintOf } from '../../parts/avatar';
import { Segmented } from '../../parts/segmented';
import { ABOUT } from '../../parts/tabs';
import { useValue } from '../../store/store';
import { sorted } from './roster';

import type { Exchange } from '../../broker/scenario';
import type { Pane, Playground } from '../../playground';
import type { Person } from './roster';

const CHOICES = [
  { value: 'viewing', label: 'Viewing' },
  { value: 'busy', label: 'Busy' },
  { value: 'idle', label: 'Idle' },
  { value: 'hidden', label: 'Invisible' },
] as const;

export function PresenceView({ pane, playground }: { pane: Pane; playground: Playground }) {
  const { side, presence, peer } = pane;
  const activity = useValue(presence.activity);
  const isVisible = useValue(presence.isVisible);
  const people = sorted(useValue(presence.people));
  const [a, b] = useValue(playground.panes);
  const users = { a: a.peer.user, b: b.peer.user };
  const online = people.filter(({ isOnline }) => isOnline).length;

  const choose = (choice: string): void => {
    if (choice === 'hidden') return presence.setVisible(false);
    if (!isVisible) presence.setVisible(true);
    presence.setActivity(choice);
  };

  return (
    <>
      <div class="composer">
        <p class="composer-label">How others see you</p>
        <Segmented
          name={`activity-${side}`}
          label="How others see you"
          options={CHOICES}
          value={isVisible ? (activity as 'viewing') : 'hidden'}
          onChange={choose}
        />
      </div>
      <div class="list-head">
        <h3>
          People <span class="badge calm">{online} online</span>
        </h3>
      </div>
      {people.length === 0 ? (
        <p class="empty">Nobody yet.</p>
      ) : (
        <ul class="people">
          {people.map((person) => (
            <PersonRow
              key={person.user}
              person={person}
              tint={tintOf(person.user, users)}
              isSelf={person.user === peer.user}
            />
          ))}
        </ul>
      )}
    </>
  );
}

function PersonRow(properties: { person: Person; tint: string; isSelf: boolean }) {
  const { person, tint, isSelf } = properties;
  const { name, isOnline, activity, since } = person;
  const dot = isOnline
    ? `dot-${activity === 'busy' || activity === 'idle' ? activity : 'on'}`
    : 'dot-off';
  return (
    <li class={`person ${isOnline ? '' : 'is-off'}`} data-testid={`person-${person.user}`}>
      <Avatar name={name} tint={tint} dot={dot} />
      <div>
        <p class="person-name">
          {name} {isSelf && <span class="you">you</span>}
        </p>
        <p class="person-doing">{doing(person)}</p>
      </div>
      <p class="person-since">
        {isOnline ? 'here for ' : 'left '}
        {isOnline ? <Lasting since={since} /> : <Ago time={since} />}
      </p>
    </li>
  );
}

function doing({ isOnline, activity, subject }: Person): string {
  if (!isOnline) return 'offline';
  const title = ABOUT[subject as Exchange]?.title ?? subject;
  if (activity === 'viewing' && title) return `online, looking at ${title}`;
  return activity && activity !== 'viewing' ? activity : 'online';
}
