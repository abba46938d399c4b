//! Takes targets down and brings them back, with all that belongs to them, in an order that is safe to repeat.
//!
//! A target is written down before it goes, and forgotten after it came back. One that comes back carries
//! [`RETURNING_TAG`] until it is whole: without the tag it was registered by somebody since, and what is parked is old.

use std::time::Duration;

use tokio::time::sleep;

use crate::aws::Aws;
use crate::error::{AwsError, Error};
use crate::id::{EndpointName, ScalableTargetId};
use crate::owner::{Holder, MAX_TAGS, OWNER_TAGS, Owner, RETURNING_TAG, Tags};
use crate::parked::{self, Object, Parked, ParkedError};
use crate::progress::Decision;

impl Aws<'_> {
    /// Writes a target down, and reads it back. Only then may it be taken down.
    pub(crate) async fn keep(&self, id: &ScalableTargetId, parked: &Parked) -> Result<(), Error> {
        let (name, value) = (parked::parameter_name(id), parked.value()?);
        self.put_parameter(&name, value.clone()).await?;
        for _ in 0..LOOKS {
            if self.parameter(&name).await?.as_ref() == Some(&value) {
                return Ok(());
            }
            sleep(BETWEEN_LOOKS).await;
        }
        Err(ParkedError::NotKept(name).into())
    }

    /// What of a registered target is to be parked; nothing where it is gone by now.
    ///
    /// One that is half back, or that another delivery of the request is taking down, is completed by what is parked of it.
    pub(crate) async fn to_park(&self, id: &ScalableTargetId, mut found: Object) -> Result<Option<Parked>, Error> {
        for _ in 0..LOOKS {
            if let Some(whole) = self.whole(id, found).await? {
                let mut tags = whole.tags();
                let is_half = tags.remove(RETURNING_TAG).is_some();
                let whole = whole.tagged(&tags);
                let record = self.recorded(id).await?.filter(|record| is_half || record.arn() == whole.arn());
                return Ok(Some(match record {
                    Some(record) => whole.completed_by(record),
                    None => whole,
                }));
            }
            // Gone, or registered so recently that its tags cannot be seen.
            let Some(again) = self.described(id).await? else { return Ok(None) };
            sleep(BETWEEN_LOOKS).await;
            found = again;
        }
        Err(ParkedError::Unseen(id.resource_id()).into())
    }

    /// A registered target, as the service describes it.
    pub(crate) async fn described(&self, id: &ScalableTargetId) -> Result<Option<Object>, AwsError> {
        let is_it = |found: &Object| Parked::id_of(found).is_some_and(|found| found.is_same(id));
        Ok(self.registered(&[id.resource_id()]).await?.into_iter().find(is_it))
    }

    /// What is parked of an endpoint's targets. What cannot be read is an error in its place.
    pub(crate) async fn parked(&self, endpoint: &EndpointName) -> Result<Vec<Result<Parked, ParkedError>>, AwsError> {
        let found = self.parameters(&parked::path(endpoint)).await?;
        Ok(found.into_iter().map(|parameter| self.read_record(&parameter.name, &parameter.value)).collect())
    }

    /// What is parked of one target, if it is the owner's.
    pub(crate) async fn parked_by(&self, us: &Owner, id: &ScalableTargetId) -> Result<Option<Parked>, Error> {
        let parked = self.recorded(id).await?;
        Ok(parked.filter(|parked| matches!(Holder::read(us, &parked.tags()), Holder::Us { .. })))
    }

    /// What is parked of one target.
    async fn recorded(&self, id: &ScalableTargetId) -> Result<Option<Parked>, Error> {
        let name = parked::parameter_name(id);
        let value = self.parameter(&name).await?;
        Ok(value.map(|value| self.read_record(&name, &value)).transpose()?)
    }

    fn read_record(&self, name: &str, value: &str) -> Result<Parked, ParkedError> {
        let parked = Parked::read(name, value);
        if parked.as_ref().is_ok_and(|parked| parked.is_stale(self.now())) {
            tracing::warn!(parameter = name, "a target has been parked for more than a day");
        }
        parked
    }

    /// Forgets what is parked of a target.
    pub(crate) async fn forget(&self, id: &ScalableTargetId) -> Result<(), AwsError> {
        self.delete_parameter(&parked::parameter_name(id)).await.map(drop)
    }

    /// Lets go of what the owner has parked of a target: one that was adopted comes back without its owner, the rest is
    /// forgotten. Returns whether there was anything. Where the role may not ask, nothing is parked.
    pub(crate) async fn release_parked(&self, us: &Owner, id: &ScalableTargetId) -> Result<bool, Error> {
        let parked = match self.parked_by(us, id).await {
            Ok(Some(parked)) => parked,
            Ok(None) => return Ok(false),
            Err(Error::Aws(error)) if error.code() == Some("AccessDeniedException") => {
                tracing::warn!(%error, "the role may not see parked targets; deploy the function's template again");
                return Ok(false);
            }
            Err(Error::Parked(error)) => {
                tracing::warn!(%error, "left as it is");
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let mut tags = parked.tags();
        if Holder::read(us, &tags) == (Holder::Us { adopted: true }) {
            tags.retain(|key, _| !OWNER_TAGS.contains(&key.as_str()));
            self.keep(id, &parked.tagged(&tags)).await?;
        } else {
            self.forget(id).await?;
        }
        Ok(true)
    }

    /// Brings a parked target back, unless somebody has registered it since, and forgets what was parked.
    pub(crate) async fn bring_back(&self, mut parked: Parked) -> Result<(), Error> {
        let Some(id) = parked.id() else { return Ok(()) };
        self.progress().decided(Decision::BringBack);
        tracing::info!(target = id.resource_id(), dimension = id.dimension().as_str(), "brought back");
        for name in parked.without_ended(self.now()) {
            tracing::warn!(
                target = id.resource_id(),
                action = name,
                "a scheduled action has ended, and does not come back"
            );
        }
        let mut tags = parked.tags();
        let later = one_too_many(&mut tags);
        tags.insert(RETURNING_TAG.to_owned(), "true".to_owned());
        let input = parked.clone().tagged(&tags).target;
        if let Some(arn) = self.return_target(&id, &input).await? {
            for policy in &parked.scaling_policies {
                unless_refused(self.put_policy_as_it_was(&input, policy).await, policy)?;
            }
            for action in &parked.scheduled_actions {
                unless_refused(self.put_action_as_it_was(&input, action).await, action)?;
            }
            if self.parameter(&parked::parameter_name(&id)).await?.is_none() {
                return Ok(self.take_back(&id).await?);
            }
            self.no_longer_returning(&id, &arn).await?;
            self.tag(&arn, &later, async || Ok(true)).await?;
        }
        Ok(self.forget(&id).await?)
    }

    /// Takes down what was brought back while somebody forgot it: whoever it belonged to is deleted. Without the tag another
    /// delivery of the request has brought it back, and has forgotten it for that.
    async fn take_back(&self, id: &ScalableTargetId) -> Result<(), AwsError> {
        match self.observe(id).await? {
            Some(found) if found.tags.contains_key(RETURNING_TAG) => self.deregister(id, async || Ok(true)).await,
            _ => Ok(()),
        }
    }

    /// Registers a target that returns, and gives its ARN; nothing where somebody else registered it since.
    async fn return_target(&self, id: &ScalableTargetId, input: &Object) -> Result<Option<String>, Error> {
        loop {
            match self.observe(id).await? {
                Some(found) => return Ok(found.tags.contains_key(RETURNING_TAG).then_some(found.arn)),
                None => match self.register_as_it_was(input).await {
                    Ok(arn) => return Ok(Some(arn)),
                    // It cannot be seen yet.
                    Err(error) if error.is_validation() && error.says("already exists") => {
                        sleep(BETWEEN_LOOKS).await;
                    }
                    Err(error) => return Err(error.into()),
                },
            }
        }
    }

    async fn no_longer_returning(&self, id: &ScalableTargetId, arn: &str) -> Result<(), AwsError> {
        for _ in 0..LOOKS {
            self.untag(arn, &[RETURNING_TAG.to_owned()], async || Ok(true)).await?;
            // What was registered just now may not have been seen.
            if self.observe(id).await?.is_some_and(|found| !found.tags.contains_key(RETURNING_TAG)) {
                break;
            }
            sleep(BETWEEN_LOOKS).await;
        }
        Ok(())
    }
}

/// Takes out one tag of a target that has as many as one can have.
fn one_too_many(tags: &mut Tags) -> Tags {
    let author = |key: &&String| !OWNER_TAGS.contains(&key.as_str());
    let one = (tags.len() >= MAX_TAGS).then(|| tags.keys().find(author).cloned()).flatten();
    one.and_then(|key| tags.remove_entry(&key)).into_iter().collect()
}

/// What the service takes no more, such as an action for a time that has passed, keeps nothing else from coming back.
fn unless_refused(done: Result<(), AwsError>, input: &Object) -> Result<(), AwsError> {
    match done {
        Err(error) if error.is_validation() => {
            let input = serde_json::to_string(input).unwrap_or_default();
            tracing::warn!(%error, input, "it does not come back");
            Ok(())
        }
        done => done,
    }
}

const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
const LOOKS: u32 = 12;
