//! Drives one incident from its first look to its end. Level triggered: every turn reads the record anew, so that a restart, another
//! process and a lost answer are the same path as the usual one.

use super::context::Context;
use super::gather::{self, status, workload_of};
use super::quiet::Quiet;
use super::step::{Claim, Effect, HOLD_FOR, Input, Looked, Step, Wake, may_drive, step};
use super::tell;
use super::{acting, watching};
use crate::config::Config;
use crate::domain::diagnosis::Helps;
use crate::domain::identity::{IncidentName, TemplateHash};
use crate::domain::incident::{Holder, IncidentStatus, Phase};
use crate::domain::observed::Observed;
use crate::domain::verdict::Reason;
use crate::domain::workload::WorkloadRef;
use crate::planted::{self, Bug};
use crate::record::crd::Incident;
use crate::record::store::{self, StoreError};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// After a conflict or an error the record is read again; not at once, or two processes would chase each other.
const AFTER_CONFLICT: SignedDuration = SignedDuration::from_millis(200);
const AFTER_ERROR: SignedDuration = SignedDuration::from_secs(5);

/// Drives one incident until it is closed or the process stops. `news` wakes it early: an alert that may change the decision joined, or the
/// configuration changed.
pub(super) async fn drive(
    context: Context,
    namespace: String,
    name: String,
    news: Arc<Notify>,
    stop: CancellationToken,
) {
    let mut memory = Memory::default();
    loop {
        if stop.is_cancelled() {
            return;
        }
        let wake = match Box::pin(turn(&context, &namespace, &name, &mut memory)).await {
            Ok(wake) => wake,
            Err(StoreError::Conflict { .. }) => in_a_while(&context, AFTER_CONFLICT),
            Err(error) => {
                tell::record_failed(&namespace, &name, &error);
                in_a_while(&context, AFTER_ERROR)
            }
        };
        let Wake::At(then) = wake else {
            if wake == Wake::Never {
                return;
            }
            continue;
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = news.notified() => {}
            () = tokio::time::sleep(context.clock.until(then)) => {}
        }
    }
}

fn in_a_while(context: &Context, after: SignedDuration) -> Wake {
    let now = context.clock.now();
    Wake::At(now.checked_add(after).unwrap_or(now))
}

/// One turn: read the record, do what its phase asks for, save.
async fn turn(
    context: &Context,
    namespace: &str,
    name: &str,
    memory: &mut Memory,
) -> Result<Wake, StoreError> {
    let Some(mut incident) = context.store.get(namespace, name).await? else {
        // Somebody deleted it: its alerts are news again, should they come again.
        context.ledger.forget(&IncidentName::new(name));
        return Ok(Wake::Never);
    };
    let config = context.config();
    if incident.spec.installation != config.installation {
        return Ok(Wake::Never);
    }
    let now = context.clock.now();
    let phase = store::phase(&incident);
    match may_drive(&status(&incident), &context.process, now) {
        Err(until) if !is_silent(&status(&incident), &mut memory.seen, now) => {
            let soon = now.checked_add(HOLD_FOR).unwrap_or(now);
            return Ok(Wake::At(until.min(soon)));
        }
        Ok(Claim::NotNeeded) => {}
        Err(_) | Ok(Claim::Renew) => {
            let claimed = step(
                &incident,
                Input::Claimed {
                    holder: context.process.clone(),
                },
                now,
            );
            incident = save(context, &incident, claimed).await?.0;
        }
    }
    let Some(reference) = workload_of(&incident) else {
        return Ok(Wake::Never);
    };
    memory.remind(&mut incident);
    if let Some(told) = memory.sent.as_ref().and_then(|sent| sent.told(&incident)) {
        return advance(context, &incident, told).await;
    }
    match phase {
        None | Some(Phase::Closed) => Ok(Wake::Never),
        Some(Phase::Observing | Phase::Deciding | Phase::Waiting) => {
            Box::pin(decide(context, &config, &incident, &reference, memory)).await
        }
        Some(Phase::Held) => {
            Box::pin(reconsider(context, &config, &incident, &reference, memory)).await
        }
        Some(Phase::Acting) => {
            let sent = &mut memory.sent;
            Box::pin(acting::act(context, &config, &incident, &reference, sent)).await
        }
        Some(Phase::Verifying) => {
            let before = memory.watched.replace(now);
            let watch = watching::watch(context, &config, incident, &reference, before);
            let (incident, input) = Box::pin(watch).await;
            memory.note(&input);
            advance(context, &incident, input).await
        }
    }
}

/// What a driver knows that may be in no record. A process that begins anew loses it, and is only more patient for that.
#[derive(Default)]
struct Memory {
    seen: Option<Seen>,
    quiet: Quiet,
    sent: Option<acting::Sent>,
    /// When recovery was looked at last.
    watched: Option<Timestamp>,
    /// When a hold in doubt was decided last.
    doubted: Option<Timestamp>,
    /// The revisions that were seen failing: a record that can't be saved for a while must not forget them.
    failed: BTreeSet<TemplateHash>,
}

impl Memory {
    /// Notes what an input says of a failing revision.
    fn note(&mut self, input: &Input) {
        self.failed.extend(input.failing().cloned());
    }

    /// Whether it is time to decide a hold in doubt again, and takes note of it.
    fn doubts_again(&mut self, now: Timestamp) -> bool {
        let since_then = self.doubted.map(|doubted| now.duration_since(doubted));
        // A clock that was set back must not keep it from ever being asked again.
        let is_time = since_then.is_none_or(|it| it.is_negative() || it >= DOUBT_AGAIN);
        if is_time {
            self.doubted = Some(now);
        }
        is_time
    }

    /// Adds to a record what it should know.
    fn remind(&self, incident: &mut Incident) {
        if planted::is(Bug::FailureNotRemembered) {
            return;
        }
        let Some(status) = &mut incident.status else {
            return;
        };
        for hash in &self.failed {
            if !status.failed_revisions.contains(hash) {
                status.failed_revisions.push(hash.clone());
            }
        }
    }
}

/// Another process's hold, and when it was first seen as it is.
type Seen = (Holder, Timestamp);

/// Whether another process's hold has stood unchanged for longer than a living one's can, by our own clock: its deadline is by another
/// clock, which may be an hour ahead.
fn is_silent(status: &IncidentStatus, seen: &mut Option<Seen>, now: Timestamp) -> bool {
    let Some(holder) = &status.holder else {
        return false;
    };
    match seen {
        Some((known, since)) if known == holder => now.duration_since(*since) >= HOLD_FOR,
        _ => {
            *seen = Some((holder.clone(), now));
            false
        }
    }
}

/// Asks everything and decides.
async fn decide(
    context: &Context,
    config: &Config,
    incident: &Incident,
    reference: &WorkloadRef,
    memory: &mut Memory,
) -> Result<Wake, StoreError> {
    let full = gather::full(context, config, incident, reference).await;
    if let Some(input) = acting::look_for_write(context, config, incident, &full.live()) {
        return advance(context, incident, input).await;
    }
    let input = full.input(incident, config);
    memory.note(&input);
    let input = memory.quiet.noted(input, context.clock.now());
    if planted::is(Bug::IntentNotRecorded)
        && let Some(unrecorded) = with_intent(context, incident, &input)
    {
        return Box::pin(acting::act(
            context,
            config,
            &unrecorded,
            reference,
            &mut None,
        ))
        .await;
    }
    advance(context, incident, input).await
}

/// The incident with its intent, not saved: for a planted bug.
fn with_intent(context: &Context, incident: &Incident, input: &Input) -> Option<Incident> {
    let now = context.clock.now();
    let mut next = step(incident, input.clone(), now).status;
    next.holder = Some(Holder {
        id: context.process.clone(),
        deadline: now.checked_add(HOLD_FOR).unwrap_or(now),
    });
    let acts = Phase::parse(&next.phase) == Some(Phase::Acting);
    let mut unrecorded = incident.clone();
    unrecorded.status = Some(next);
    acts.then_some(unrecorded)
}

/// Between two decisions of a hold in doubt: what was not known then (a series that was not there yet, an Event that was lost) shows in no
/// light look, and a whole decision costs some twenty requests.
const DOUBT_AGAIN: SignedDuration = SignedDuration::from_mins(5);

/// Held: looks lightly, and decides again only when what the hold was decided on has changed, or was in doubt.
async fn reconsider(
    context: &Context,
    config: &Config,
    incident: &Incident,
    reference: &WorkloadRef,
    memory: &mut Memory,
) -> Result<Wake, StoreError> {
    let (live, looked) = gather::light(context, config, incident, reference).await;
    if let Some(input) = acting::look_for_write(context, config, incident, &live) {
        return advance(context, incident, input).await;
    }
    let input = match &live.workload {
        workload if gather::is_gone(incident, workload) => Input::Gone,
        Observed::Known(_)
            if !planted::is(Bug::HeldForGood)
                && (stands_on_something_else(&status(incident), &looked)
                    || is_in_doubt(&status(incident))
                        && memory.doubts_again(context.clock.now())) =>
        {
            return decide(context, config, incident, reference, memory).await;
        }
        _ => Input::Looked(Box::new(looked)),
    };
    memory.note(&input);
    let input = memory.quiet.noted(input, context.clock.now());
    advance(context, incident, input).await
}

/// Whether a hold was decided on something that is not so any more. What can't be read now changes nothing.
fn stands_on_something_else(held: &IncidentStatus, looked: &Looked) -> bool {
    // Nothing that fails just now is a pause between two crashes; whether it has recovered is for the quiet looks to tell.
    let fails_otherwise =
        !looked.live_causes.is_empty() && !looked.live_causes.iter().eq(&held.decided_causes);
    // An outage passes by itself, and nothing of the workload shows it.
    held.shared.is_some()
        || looked.decided_on != held.decided_on
        || gather::namespace_moved(held, &looked.namespace_mode)
        || fails_otherwise
}

/// Whether it is held because nobody could tell if going back helps.
fn is_in_doubt(held: &IncidentStatus) -> bool {
    let unknown = Helps::Unknown.as_str();
    held.reason == Reason::CauseNotAllowed.as_str()
        && held
            .diagnosis
            .iter()
            .any(|entry| entry.rollback_helps == unknown)
}

/// Takes the step, saves it, and only then carries its effects out.
pub(super) async fn advance(
    context: &Context,
    incident: &Incident,
    input: Input,
) -> Result<Wake, StoreError> {
    let taken = step(incident, input, context.clock.now());
    let (_, wake) = save(context, incident, taken).await?;
    Ok(wake)
}

async fn save(
    context: &Context,
    incident: &Incident,
    taken: Step,
) -> Result<(Incident, Wake), StoreError> {
    let Step {
        status: mut next,
        effects,
        wake,
    } = taken;
    let before = status(incident);
    if matches!(
        Phase::parse(&next.phase),
        Some(Phase::Acting | Phase::Verifying)
    ) {
        // Whoever saves one of these phases drives it: every save renews the hold.
        let now = context.clock.now();
        next.holder = Some(Holder {
            id: context.process.clone(),
            deadline: now.checked_add(HOLD_FOR).unwrap_or(now),
        });
    } else {
        next.holder = None;
    }
    let renewed = wake == Wake::Now;
    let saved = if renewed || worth_saving(&before, &next) {
        let mut changed = incident.clone();
        changed.status = Some(next);
        let saved = context.store.save(&changed).await?;
        tell::moved(context, &before, &saved);
        saved
    } else {
        incident.clone()
    };
    for effect in effects {
        carry_out(context, &saved, effect).await;
    }
    Ok((saved, wake))
}

/// Whether a state differs in more than the time of the last look. What is not saved is seen again in the next look.
fn worth_saving(before: &IncidentStatus, next: &IncidentStatus) -> bool {
    fn settled(status: &IncidentStatus) -> IncidentStatus {
        let mut settled = status.clone();
        settled.next_check = None;
        settled.message.clear();
        settled.evidence.clear();
        // Events are counted on as long as a container fails: each repetition is no news.
        for entry in &mut settled.diagnosis {
            entry.facts.clear();
            entry.because.clear();
        }
        if let Some(shared) = &mut settled.shared {
            shared.because.clear();
        }
        settled.holder = None;
        for sighting in &mut settled.memory.sightings {
            sighting.last_seen = Timestamp::UNIX_EPOCH;
        }
        settled.last_symptom_at = settled.last_symptom_at.map(minute);
        if let Some(verdict) = &mut settled.verdict {
            verdict.message.clear();
            verdict.guards.clear();
        }
        if let Some(record) = &mut settled.verification {
            record.message.clear();
            record.last_progress = minute(record.last_progress);
        }
        settled
    }
    settled(before) != settled(next)
}

fn minute(instant: Timestamp) -> Timestamp {
    Timestamp::from_second(instant.as_second() / 60 * 60).unwrap_or(instant)
}

async fn carry_out(context: &Context, incident: &Incident, effect: Effect) {
    match effect {
        Effect::Announce { what, note } => tell::announce(context, incident, what, &note).await,
        Effect::CountDecision {
            policy,
            mode,
            verdict,
        } => tell::decided(context, incident, &policy, mode, &verdict),
        Effect::CountEnding(ending) => tell::ended(context, incident, ending),
    }
}
