//! Takes targets down and brings them back, with all that belongs to them, in an order that is safe to repeat.
//!
//! A target is written down before it goes, and forgotten after it came back. One that comes back carries
//! [`RETURNING_TAG`] until it is whole: without the tag it was registered by somebody since, and what is parked is old.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::aws::Aws;
use crate::error::{AwsError, Error};
use crate::id::{EndpointName, ScalableTargetId};
use crate::owner::{Holder, MAX_TAGS, OWNER_TAGS, Owner, RETURNING_TAG, Tags};
use crate::parked::{self, Parked, ParkedError};

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

    /// What is parked of an endpoint's targets. What cannot be read is an error in its place.
    pub(crate) async fn parked(&self, endpoint: &EndpointName) -> Result<Vec<Result<Parked, ParkedError>>, AwsError> {
        let found = self.parameters(&parked::path(endpoint)).await?;
        let read = |parameter: crate::aws::Parameter| {
            let parked = Parked::read(&parameter.name, &parameter.value);
            if parked.as_ref().is_ok_and(|parked| parked.is_stale(self.now())) {
                tracing::warn!(parameter = parameter.name, "a target has been parked for more than a day");
            }
            parked
        };
        Ok(found.into_iter().map(read).collect())
    }

    /// What is parked of one target, if it is the owner's.
    pub(crate) async fn parked_by(&self, us: &Owner, id: &ScalableTargetId) -> Result<Option<Parked>, Error> {
        let name = parked::parameter_name(id);
        let Some(value) = self.parameter(&name).await? else { return Ok(None) };
        let parked = Parked::read(&name, &value)?;
        Ok(matches!(Holder::read(us, &parked.tags()), Holder::Us { .. }).then_some(parked))
    }

    /// Forgets what is parked of a target.
    pub(crate) async fn forget(&self, id: &ScalableTargetId) -> Result<(), AwsError> {
        self.delete_parameter(&parked::parameter_name(id)).await.map(drop)
    }

    /// Forgets what the owner has parked of a target that goes for good. Where the role may not ask, nothing is parked.
    pub(crate) async fn forget_for(&self, us: &Owner, id: &ScalableTargetId) -> Result<(), Error> {
        match self.parked_by(us, id).await {
            Ok(Some(_)) => Ok(self.forget(id).await?),
            Ok(None) => Ok(()),
            Err(Error::Aws(error)) if error.code() == Some("AccessDeniedException") => {
                tracing::warn!(%error, "the role may not see parked targets; deploy the function's template again");
                Ok(())
            }
            Err(Error::Parked(error)) => {
                tracing::warn!(%error, "left as it is");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Brings a parked target back, unless somebody has registered it since, and forgets what was parked.
    pub(crate) async fn bring_back(&self, mut parked: Parked) -> Result<(), Error> {
        let Some(id) = parked.id() else { return Ok(()) };
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
        let mut input = parked.target.clone();
        input.insert("Tags".to_owned(), json!(tags));
        if let Some(arn) = self.return_target(&id, &input).await? {
            for policy in &parked.scaling_policies {
                self.put_policy_as_it_was(&input, policy).await?;
            }
            for action in &parked.scheduled_actions {
                match self.put_action_as_it_was(&input, action).await {
                    // Such as one for a time that has passed.
                    Err(error) if error.code() == Some("ValidationException") && is_single(action.get("Schedule")) => {
                        tracing::warn!(%error, "a scheduled action does not come back");
                    }
                    done => done?,
                }
            }
            self.no_longer_returning(&id, &arn).await?;
            self.tag(&arn, &later, async || Ok(true)).await?;
        }
        Ok(self.forget(&id).await?)
    }

    /// Registers a target that returns, and gives its ARN; nothing where somebody else registered it since.
    async fn return_target(&self, id: &ScalableTargetId, input: &parked::Object) -> Result<Option<String>, Error> {
        loop {
            match self.observe(id).await? {
                Some(found) => return Ok(found.tags.contains_key(RETURNING_TAG).then_some(found.arn)),
                None => match self.register_as_it_was(input).await {
                    Ok(arn) => return Ok(Some(arn)),
                    // It cannot be seen yet.
                    Err(error) if error.code() == Some("ValidationException") && error.says("already exists") => {
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

fn is_single(schedule: Option<&Value>) -> bool {
    schedule.and_then(Value::as_str).is_some_and(|schedule| schedule.starts_with("at("))
}

const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
const LOOKS: u32 = 12;
