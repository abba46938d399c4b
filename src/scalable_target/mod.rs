//! `Custom::SageMakerScalableTarget`: registers a production variant or an inference component as a scalable target.
//!
//! The rules are pure functions: `readiness` decides whether the endpoint is ready, `ownership` who may register and
//! remove a target, `reconcile` what changes between two templates. `own_snapshot` reads what a gate has kept, and
//! `tags` completes the author's. `run` carries them out. `docs/SEMANTICS.md` states what they promise:
//!
//! 1. Create and Update wait until the endpoint is `InService`. They fail at once if it is missing, failed, or does not
//!    have the variant.
//! 2. A target that is not registered is registered with tags that name the stack and the logical id. Registering with
//!    tags fails if the target exists, so it is a create-if-absent.
//! 3. A target that this resource owns is registered again. So a request that is delivered twice is harmless.
//! 4. A target of another stack or resource is refused, or taken over if `TakeOverFrom` names that resource. An untagged
//!    target is refused, or adopted if `AdoptExisting` is true.
//! 5. A changed endpoint or variant is another physical id, and CloudFormation sends a Delete for the previous one. If
//!    an Update registered a target and its answer was lost, CloudFormation does not know that target: the Update that
//!    rolls back removes it.
//! 6. Behind an update gate, the snapshot of the target and the template become one description, which is applied once.
//!    If the endpoint is about to roll back, the description becomes a snapshot, and the gate restores it.
//! 7. Delete deregisters a target that this resource registered. It hands back one that it took over, if the former owner
//!    exists. It *releases* one that it adopted: removes our tags, and leaves it registered. It leaves all others.

mod former_owner;
mod own_snapshot;
mod ownership;
mod readiness;
mod reconcile;
mod register;
mod remove;
mod roll_back;
mod run;
mod tags;

pub use remove::delete;
pub use run::carry_out;
