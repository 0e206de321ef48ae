//! Whether a queue is what somebody declares again.

use model::{FieldValue, LinkId, QueueSpec, Refusal, Resource};

use super::arguments;
use super::handle::Queue;

impl Queue {
    /// Refuses a declare that asks for something else than this queue.
    ///
    /// # Errors
    ///
    /// [`Refusal::Locked`] if it is exclusive to another link, or is and was not asked to be;
    /// [`Refusal::Inequivalent`] for the first flag or argument that differs.
    ///
    /// Source: RabbitMQ, "Queues: property equivalence".
    pub fn check_equivalent(&self, link: Option<LinkId>, spec: &QueueSpec) -> Result<(), Refusal> {
        let is_its = self.owner().is_none() || self.owner() == link;
        if !is_its || spec.is_exclusive != self.owner().is_some() {
            return Err(Refusal::Locked(self.name().clone(), self.vhost().clone()));
        }
        let wants_durable = spec.is_durable && !spec.is_exclusive;
        self.check_flag("durable", wants_durable, self.is_durable())?;
        self.check_flag("auto_delete", spec.is_auto_delete, self.is_auto_delete())?;
        let received = arguments::with_kind(&spec.arguments);
        for key in arguments::known_to(self.kind()) {
            self.check_argument(key, received.get(key), self.arguments().get(key))?;
        }
        Ok(())
    }

    fn check_flag(&self, name: &str, received: bool, current: bool) -> Result<(), Refusal> {
        match received == current {
            true => Ok(()),
            false => Err(self.inequivalent(name, format!("'{received}'"), format!("'{current}'"))),
        }
    }

    fn check_argument(
        &self,
        key: &str,
        received: Option<&FieldValue>,
        current: Option<&FieldValue>,
    ) -> Result<(), Refusal> {
        let alone =
            |value: &FieldValue| format!("the value '{value}' of type '{}'", value.type_name());
        match (received, current) {
            (None, None) => Ok(()),
            (Some(received), Some(current)) if received.is_same_argument(current) => Ok(()),
            (Some(received), Some(current)) => {
                Err(self.inequivalent(key, format!("'{received}'"), format!("'{current}'")))
            }
            (Some(received), None) => Err(self.inequivalent(key, alone(received), "none".into())),
            (None, Some(current)) => Err(self.inequivalent(key, "none".into(), alone(current))),
        }
    }

    fn inequivalent(&self, argument: &str, received: String, current: String) -> Refusal {
        Refusal::Inequivalent {
            argument: argument.into(),
            resource: Resource::Queue(self.name().clone()),
            vhost: self.vhost().clone(),
            received: received.into(),
            current: current.into(),
        }
    }
}
