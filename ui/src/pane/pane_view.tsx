//! One user's pane: who, how connected, the scenario, and the frames.

import { useState } from 'preact/hooks';

import { FrameList } from '../frames/frame_list';
import { Avatar } from '../parts/avatar';
import { Icon } from '../parts/icons';
import { ChatView } from '../scenarios/chat/chat_view';
import { DashboardView } from '../scenarios/dashboard/dashboard_view';
import { EditingView } from '../scenarios/editing/editing_view';
import { NotificationsView } from '../scenarios/notifications/notifications_view';
import { PresenceView } from '../scenarios/presence/presence_view';
import { useValue } from '../store/store';
import { ConnectionChip } from './connection_chip';
import { SettingsDialog } from './settings_dialog';
import { TroubleBanner } from './trouble_banner';

import type { Exchange } from '../broker/scenario';
import type { Pane, Playground } from '../playground';

export function PaneView({ playground, pane }: { playground: Playground; pane: Pane }) {
  const { side, name, peer } = pane;
  const scenario = useValue(playground.scenario);
  const { state } = useValue(peer.connection);
  const [isOpen, setOpen] = useState(false);
  const isOff = state === 'closed';
  return (
    <section class={`pane pane-${side}`} aria-label={`${name}’s pane`} data-testid={`pane-${side}`}>
      <header class="pane-head">
        <Avatar name={name} tint={`tint-${side}`} />
        <div class="pane-who">
          <h2>{name}</h2>
          <p>
            {peer.settings.login} @ {peer.settings.vhost}
          </p>
        </div>
        <ConnectionChip peer={peer} />
        <div class="pane-tools">
          <button
            type="button"
            class="tool"
            disabled={state !== 'connected'}
            onClick={() => peer.unplug()}
            title="Pull the plug: lose the connection, and see it come back"
            aria-label="Pull the plug"
          >
            <Icon name="unplug" />
          </button>
          <button
            type="button"
            class="tool"
            onClick={() => (isOff ? playground.connect(pane) : void playground.disconnect(pane))}
            title={isOff ? 'Connect' : 'Disconnect'}
            aria-label={isOff ? 'Connect' : 'Disconnect'}
          >
            <Icon name="power" />
          </button>
          <button
            type="button"
            class="tool"
            onClick={() => setOpen(true)}
            title="Address and login"
            aria-label="Address and login"
            aria-haspopup="dialog"
          >
            <Icon name="settings" />
          </button>
        </div>
      </header>
      <TroubleBanner playground={playground} pane={pane} onSettings={() => setOpen(true)} />
      <div class={`scenario scenario-${scenario}`}>
        <Scenario scenario={scenario} playground={playground} pane={pane} />
      </div>
      <FrameList log={peer.log} side={side} />
      {isOpen && (
        <SettingsDialog playground={playground} pane={pane} onClose={() => setOpen(false)} />
      )}
    </section>
  );
}

function Scenario(properties: { scenario: Exchange; playground: Playground; pane: Pane }) {
  const { scenario, pane, playground } = properties;
  switch (scenario) {
    case 'notifications':
      return <NotificationsView pane={pane} />;
    case 'presence':
      return <PresenceView pane={pane} playground={playground} />;
    case 'chat':
      return <ChatView pane={pane} />;
    case 'dashboard':
      return <DashboardView pane={pane} playground={playground} />;
    case 'editing':
      return <EditingView pane={pane} playground={playground} />;
  }
}
