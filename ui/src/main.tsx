//! The page begins here.

import { render } from 'preact';

import '@fontsource-variable/geist/wght.css';
import '@fontsource-variable/geist-mono/wght.css';
import 'uplot/dist/uPlot.min.css';
import './style/tokens.css';
import './style/base.css';
import './style/page.css';
import './style/pane.css';
import './style/frames.css';
import './style/composer.css';
import './style/notifications.css';
import './style/presence.css';
import './style/chat.css';
import './style/dashboard.css';
import './style/editing.css';
import './style/backend.css';

import { App } from './app';
import { Playground } from './playground';

const playground = new Playground();
const root = document.querySelector('#app');
if (root) render(<App playground={playground} />, root);
playground.start();
