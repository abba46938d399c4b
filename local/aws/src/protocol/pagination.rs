//! The pages of list operations.

use serde_json::{Value, json};

use crate::protocol::fault::{Fault, OperationResult};
use crate::protocol::input::Input;

/// How a list operation divides its items into pages.
pub(crate) struct Pages {
    /// The member of the output that lists the items.
    pub(crate) list: &'static str,
    /// The maximum of `MaxResults`, and its default.
    pub(crate) max_results: i64,
    /// The exception for a `NextToken` that the operation did not return.
    pub(crate) invalid_token: &'static str,
}

impl Pages {
    /// Returns the page that `input` requests. The key of each item is unique.
    ///
    /// A token holds the key of the last item of the page before. So pages neither repeat nor skip an item, even if
    /// other items are added or deleted between two requests.
    pub(crate) fn page(&self, input: Input<'_>, mut items: Vec<(String, Value)>) -> OperationResult {
        let size = input.integer("MaxResults")?.unwrap_or(self.max_results);
        if !(1..=self.max_results).contains(&size) {
            let range = format!("Member must have value between 1 and {}", self.max_results);
            return Err(Fault::constraint(format_args!("'{size}'"), "MaxResults", range));
        }
        items.sort_by(|(one, _), (other, _)| one.cmp(other));
        if let Some(token) = input.optional_text("NextToken")? {
            let after = token.strip_prefix(TOKEN_PREFIX);
            let after = after.ok_or_else(|| Fault::new(self.invalid_token, "The next token supplied was invalid."))?;
            items.retain(|(key, _)| key.as_str() > after);
        }
        let more = items.len() > size as usize;
        items.truncate(size as usize);
        let token = items.last().filter(|_| more).map(|(key, _)| format!("{TOKEN_PREFIX}{key}"));
        let mut answer = json!({ self.list: items.into_iter().map(|(_, item)| item).collect::<Vec<_>>() });
        if let Some(token) = token {
            answer["NextToken"] = json!(token);
        }
        Ok(answer)
    }
}

const TOKEN_PREFIX: &str = "after:";

#[cfg(test)]
mod tests {
    use super::*;

    const PAGES: Pages = Pages { list: "Items", max_results: 2, invalid_token: "InvalidNextTokenException" };

    #[test]
    fn the_pages_list_each_item_once() {
        let mut input = json!({});
        let mut seen = Vec::new();
        loop {
            let items = (0..5).map(|n| (n.to_string(), json!(n))).collect();
            let answer = PAGES.page(Input::new(&input).expect("an object"), items).expect("a page");
            seen.extend(answer["Items"].as_array().expect("a list").iter().filter_map(Value::as_i64));
            match answer.get("NextToken") {
                Some(token) => input["NextToken"] = token.clone(),
                None => break,
            }
        }
        assert_eq!(seen, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn an_unknown_token_and_a_page_size_out_of_range_are_rejected() {
        for (input, code) in [
            (json!({ "NextToken": "49" }), "InvalidNextTokenException"),
            (json!({ "MaxResults": 0 }), "ValidationException"),
            (json!({ "MaxResults": 3 }), "ValidationException"),
        ] {
            let fault = PAGES.page(Input::new(&input).expect("an object"), vec![]).unwrap_err();
            assert_eq!(fault.code, code);
        }
    }
}
