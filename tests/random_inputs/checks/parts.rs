//! The parts of an answer, which are read from bytes.

use serde_json::json;

use super::function::{Answer, Attributes, Envelope, Outcome};

/// The parts of an answer.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// `ResponseURL`.
    pub url: String,
    /// `StackId`.
    pub stack_id: String,
    /// `RequestId`.
    pub request_id: String,
    /// `LogicalResourceId`.
    pub logical_resource_id: String,
    /// `PhysicalResourceId`, as it was given.
    pub given_id: String,
    /// Why it failed; `{url}` stands for the URL, `{query}` for its query.
    pub reason: String,
    /// The values of the attributes.
    pub data: Vec<String>,
}

impl Parts {
    /// Reads the parts, in their order. Byte 255, which UTF-8 does not have, ends each; its first byte says how often
    /// the rest of it is repeated. Bytes that are no UTF-8 become U+FFFD.
    pub fn read(bytes: &[u8]) -> Self {
        let mut parts = bytes.split(|byte| *byte == 255).map(|part| {
            let Some((times, text)) = part.split_first() else { return String::new() };
            let times = usize::from(*times).min(MOST_BYTES / text.len().max(1));
            String::from_utf8_lossy(text).repeat(times)
        });
        let mut next = || parts.next().unwrap_or_default();
        Self {
            url: next(),
            stack_id: next(),
            request_id: next(),
            logical_resource_id: next(),
            given_id: next(),
            reason: next(),
            data: parts.take(NAMES.len()).collect(),
        }
    }

    /// Checks the failure and the success that these parts make. `false`: a request of these parts cannot be answered.
    pub fn check(&self) -> bool {
        let payload = json!({
            "ResponseURL": self.url,
            "StackId": self.stack_id,
            "RequestId": self.request_id,
            "LogicalResourceId": self.logical_resource_id,
            "PhysicalResourceId": self.given_id,
        });
        let Ok(envelope) = Envelope::open(&payload.to_string()) else { return false };
        let query = self.url.split_once('?').map_or("", |(_, query)| query);
        let reason = self.reason.replace("{url}", &self.url).replace("{query}", query);
        let data: Attributes = NAMES.map(str::to_owned).into_iter().zip(self.data.iter().cloned()).collect();
        for outcome in [Outcome::Failed { reason }, Outcome::Success { data }] {
            let answer = Answer { physical_resource_id: envelope.id_of_failure(), outcome };
            super::answer(&envelope.reply_to, &self.url, &answer);
        }
        true
    }
}

/// The length up to which a part is repeated.
const MOST_BYTES: usize = 20_000;
const NAMES: [&str; 8] = [
    "EndpointName",
    "MaxCapacity",
    "MinCapacity",
    "ResourceId",
    "ScalableDimension",
    "ScalableTargetARN",
    "ServiceNamespace",
    "VariantName",
];
