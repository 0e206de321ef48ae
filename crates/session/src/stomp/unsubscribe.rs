//! UNSUBSCRIBE: end a consumer and, of a durable subscription if asked, its queue.

use engine::{Command, DeleteIf};
use wire::stomp::{Frame, Quoted};

use super::error::Complaint;
use super::header::optional_durable;
use super::open::{After, CHANNEL, Open, Step};
use super::subscribe::{TEMP_QUEUE_PREFIX, check_durable_id};
use super::subscription::Tag;
use crate::action::Actions;

impl Open {
    pub(super) fn unsubscribe(
        &mut self,
        frame: &Frame<'_>,
        actions: &mut Actions,
    ) -> Result<After, Complaint> {
        check_durable_id(frame)?;
        let tag = unsubscribe_tag(frame)?;
        let Some(subscription) = self.subscriptions.find(&tag.0) else {
            let description = tag.describe();
            return Err(Complaint::new(
                "No subscription found",
                format!(
                    "UNSUBSCRIBE must refer to an existing subscription.\n\
                     Subscription to {} not found.\n",
                    Quoted(description.as_bytes()),
                ),
            ));
        };
        let consumer = subscription.consumer;
        let durable_queue = subscription.durable_queue.clone();
        let is_final = optional_durable(frame)? == Some(true);
        self.subscriptions.end(consumer, &mut actions.commands);
        self.await_step(Step::Cancel(consumer));
        if let Some(queue) = durable_queue.filter(|_| is_final) {
            let command = Command::DeleteQueue(CHANNEL, queue, DeleteIf::default());
            actions.commands.push(command);
            self.await_step(Step::Plain);
        }
        self.receipt_with_last_answer(frame);
        Ok(After::Nothing)
    }
}

fn unsubscribe_tag(frame: &Frame<'_>) -> Result<Tag, Complaint> {
    if let Some(id) = frame.headers.get("id") {
        if id.starts_with(TEMP_QUEUE_PREFIX) {
            let detail = "UNSUBSCRIBE 'id' may not start with /temp-queue/\n";
            return Err(Complaint::new("Invalid id", detail));
        }
        return Ok(Tag::of_id(&id));
    }
    match frame.headers.get("destination") {
        Some(destination) => Ok(Tag::of_destination(&destination)),
        None => Err(Complaint::new(
            "Missing destination or id",
            "UNSUBSCRIBE must include a 'destination' or 'id' header",
        )),
    }
}
