//! Back-end helpers for notifications, presence, chat, dashboards and editing.
