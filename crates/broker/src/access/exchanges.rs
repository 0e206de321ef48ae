//! Declaring and deleting exchanges.

use model::{
    DeclareMode, ExchangeKind, ExchangeName, ExchangeSpec, FieldValue, Refusal, Resource, Right,
};

use super::Access;
use crate::auth::{Grants, Place};
use crate::queue::DeleteIf;
use crate::turn::Turn;

/// Names that only the broker gives. Source: AMQP 0-9-1, exchange.declare.
pub(super) const RESERVED_PREFIX: &str = "amq.";

/// The argument that names an alternate exchange.
const ALTERNATE: &str = "alternate-exchange";

impl Access {
    /// Declares an exchange. Passively: says whether it exists, to whoever may do anything with it.
    ///
    /// # Errors
    ///
    /// - [`Refusal::UnknownExchangeType`], [`Refusal::DefaultExchange`].
    /// - [`Refusal::AccessRefused`] without configure; with an alternate exchange also without read
    ///   on this and write on that.
    /// - [`Refusal::Inequivalent`] if it exists and is something else.
    /// - [`Refusal::ReservedName`], [`Refusal::PreconditionFailed`] for an alternate exchange that
    ///   is no name.
    /// - [`Refusal::NoSuchExchange`] passively.
    pub fn declare_exchange(
        &mut self,
        turn: &mut Turn,
        spec: &ExchangeSpec,
        mode: DeclareMode,
    ) -> Result<(), Refusal> {
        let grants = self.grants()?;
        if mode == DeclareMode::Passive {
            check_any_exchange(&grants, &spec.name)?;
            let is_there = self.vhost.look().exchange(&spec.name).is_some();
            return if is_there { Ok(()) } else { Err(self.no_exchange(&spec.name)) };
        }
        let kind = ExchangeKind::parse(&spec.kind)
            .ok_or_else(|| Refusal::UnknownExchangeType(spec.kind.clone()))?;
        if spec.name.is_default() {
            return Err(Refusal::DefaultExchange);
        }
        grants.check_exchange(Right::Configure, &spec.name)?;
        if self.vhost.look().exchange(&spec.name).is_none() {
            self.check_new_exchange(&grants, spec)?;
            let mut topology = self.vhost.change();
            if topology.add_exchange(spec, kind) {
                turn.awaits(topology.done());
                return Ok(());
            }
        }
        turn.awaits(self.broker.unsettled().filter(|_| spec.is_durable));
        let topology = self.vhost.look();
        match topology.exchange(&spec.name) {
            Some(current) => self.check_equivalent(spec, current.spec()),
            None => Err(Refusal::Internal),
        }
    }

    fn check_new_exchange(&self, grants: &Grants, spec: &ExchangeSpec) -> Result<(), Refusal> {
        if spec.name.as_str().starts_with(RESERVED_PREFIX) {
            return Err(Refusal::ReservedName {
                kind: "exchange",
                name: spec.name.as_str().into(),
            });
        }
        let alternate = match spec.arguments.get(ALTERNATE) {
            None => return Ok(()),
            Some(value @ FieldValue::LongString(_)) => {
                value.as_str().and_then(|name| ExchangeName::parse(name).ok())
            }
            Some(_) => None,
        };
        let Some(alternate) = alternate else {
            let found = spec.arguments.get(ALTERNATE).map_or("void", FieldValue::type_name);
            let text = format!(
                "invalid type '{found}' for arg '{ALTERNATE}' in exchange '{}' in vhost '{}'",
                spec.name,
                self.vhost.name()
            );
            return Err(Refusal::PreconditionFailed(text.into()));
        };
        grants.check_exchange(Right::Read, &spec.name)?;
        grants.check_exchange(Right::Write, &alternate)?;
        self.check_feeding(grants, &alternate, b"")
    }

    /// Asks the rules about an exchange that is to be fed by what the user sets up.
    pub(super) fn check_feeding(
        &self,
        grants: &Grants,
        name: &ExchangeName,
        key: &[u8],
    ) -> Result<(), Refusal> {
        if !grants.has_rules() {
            return Ok(());
        }
        let kind = self.kind_of(name).unwrap_or(ExchangeKind::Direct);
        grants.check_rules(Right::Write, Place::Exchange { name, kind, key })
    }

    /// Refuses a declare that asks for something else than what exists.
    ///
    /// Source: RabbitMQ, `rabbit_exchange:assert_equivalence/6`.
    fn check_equivalent(
        &self,
        asked: &ExchangeSpec,
        current: &ExchangeSpec,
    ) -> Result<(), Refusal> {
        let differ = |argument: &str, received: String, current: String| Refusal::Inequivalent {
            argument: argument.into(),
            resource: Resource::Exchange(asked.name.clone()),
            vhost: self.vhost.name().clone(),
            received: received.into(),
            current: current.into(),
        };
        if asked.kind != current.kind {
            let (received, current) = (&asked.kind, &current.kind);
            return Err(differ("type", format!("'{received}'"), format!("'{current}'")));
        }
        let flags = [
            ("durable", asked.is_durable, current.is_durable),
            ("auto_delete", asked.is_auto_delete, current.is_auto_delete),
            ("internal", asked.is_internal, current.is_internal),
        ];
        for (name, received, current) in flags {
            if received != current {
                return Err(differ(name, format!("'{received}'"), format!("'{current}'")));
            }
        }
        let alone =
            |value: &FieldValue| format!("the value '{value}' of type '{}'", value.type_name());
        let none = || "none".to_owned();
        match (asked.arguments.get(ALTERNATE), current.arguments.get(ALTERNATE)) {
            (None, None) => Ok(()),
            (Some(one), Some(other)) if one.is_same_argument(other) => Ok(()),
            (Some(one), Some(other)) => {
                Err(differ(ALTERNATE, format!("'{one}'"), format!("'{other}'")))
            }
            (Some(one), None) => Err(differ(ALTERNATE, alone(one), none())),
            (None, Some(other)) => Err(differ(ALTERNATE, none(), alone(other))),
        }
    }

    /// Deletes an exchange; one that does not exist is as good as deleted.
    ///
    /// # Errors
    ///
    /// [`Refusal::DefaultExchange`], [`Refusal::SystemExchange`], [`Refusal::AccessRefused`]
    /// without configure, [`Refusal::InUse`].
    pub fn delete_exchange(
        &mut self,
        turn: &mut Turn,
        name: &ExchangeName,
        only_if: DeleteIf,
    ) -> Result<(), Refusal> {
        let grants = self.grants()?;
        if name.is_default() {
            return Err(Refusal::DefaultExchange);
        }
        if name.as_str().starts_with(RESERVED_PREFIX) {
            return Err(Refusal::SystemExchange(name.clone(), self.vhost.name().clone()));
        }
        grants.check_exchange(Right::Configure, name)?;
        let mut topology = self.vhost.change();
        let deleted = topology.delete_exchange(name, only_if.is_unused, self.vhost.name());
        turn.awaits(topology.done());
        deleted
    }
}

/// A passive declare needs any of the three rights. Source: RabbitMQ 4.3.1.
fn check_any_exchange(grants: &Grants, name: &ExchangeName) -> Result<(), Refusal> {
    let configure = grants.check_exchange(Right::Configure, name);
    configure.or_else(|refusal| {
        [Right::Write, Right::Read]
            .into_iter()
            .find_map(|right| grants.check_exchange(right, name).ok())
            .ok_or(refusal)
    })
}
