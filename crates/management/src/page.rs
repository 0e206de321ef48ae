//! Lists as clients ask for them: pages, filters, order, columns.
//!
//! Source: RabbitMQ, management HTTP API: "Pagination", "columns", "sort".

use std::cmp::Ordering;

use regex::RegexBuilder;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::Failure;

/// The query of a list or of one object.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Query {
    pub(crate) page: Option<String>,
    pub(crate) page_size: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) use_regex: Option<String>,
    pub(crate) sort: Option<String>,
    pub(crate) sort_reverse: Option<String>,
    pub(crate) columns: Option<String>,
    pub(crate) disable_stats: Option<String>,
}

/// Items on a page if nothing else is asked for.
const PAGE_SIZE_DEFAULT: usize = 100;
/// The most items on a page. Source: RabbitMQ.
const PAGE_SIZE_MAX: usize = 500;
/// The longest pattern of a filter, in bytes. Source: RabbitMQ.
const PATTERN_BYTES_MAX: usize = 1024;

impl Query {
    /// A list as asked for: filtered, sorted, cut to a page, with the columns wanted.
    ///
    /// # Errors
    ///
    /// 400 with RabbitMQ's reasons for page numbers that are none.
    pub(crate) fn list(&self, mut items: Vec<Value>) -> Result<Value, Failure> {
        let total = items.len();
        if self.page.is_some() {
            self.filter(&mut items)?;
        }
        if let Some(key) = self.sort.as_deref().filter(|key| !key.is_empty()) {
            items.sort_by(|a, b| compare(at_path(a, key), at_path(b, key)));
        }
        if is_true(self.sort_reverse.as_deref()) {
            items.reverse();
        }
        let Some(page) = &self.page else {
            return Ok(items.into_iter().map(|item| self.object(item)).collect());
        };
        let number = |text: &str| text.parse::<i64>().map_err(|_| Failure::pagination_invalid());
        let (page, size) = match (number(page)?, self.page_size.as_deref().map(number)) {
            (page, None) => (page, PAGE_SIZE_DEFAULT as i64),
            (page, Some(size)) => (page, size?),
        };
        if page < 1 || size < 1 || size > PAGE_SIZE_MAX as i64 {
            return Err(Failure::pagination_out_of_bounds(page, size));
        }
        let (page, size) = (page as usize, size as usize);
        let filtered = items.len();
        let pages = filtered.div_ceil(size).max(1);
        if page > pages {
            return Err(Failure::page_out_of_range(page, size, filtered, pages));
        }
        let items: Vec<Value> = items
            .into_iter()
            .skip((page - 1) * size)
            .take(size)
            .map(|item| self.object(item))
            .collect();
        Ok(json!({
            "total_count": total, "item_count": items.len(), "filtered_count": filtered,
            "page": page, "page_size": size, "page_count": pages, "items": items,
        }))
    }

    fn filter(&self, items: &mut Vec<Value>) -> Result<(), Failure> {
        let Some(wanted) = self.name.as_deref().filter(|name| !name.is_empty()) else {
            return Ok(());
        };
        let name_of =
            |item: &Value| item.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        if !is_true(self.use_regex.as_deref()) {
            let wanted = wanted.to_lowercase();
            items.retain(|item| name_of(item).to_lowercase().contains(&wanted));
            return Ok(());
        }
        if wanted.len() > PATTERN_BYTES_MAX {
            return Err(Failure::bad_request("pattern is longer than 1024 bytes"));
        }
        match RegexBuilder::new(wanted).case_insensitive(true).build() {
            Ok(pattern) => items.retain(|item| pattern.is_match(&name_of(item))),
            Err(_) => items.clear(),
        }
        Ok(())
    }

    /// One object with the columns wanted.
    pub(crate) fn object(&self, object: Value) -> Value {
        let Some(columns) = self.columns.as_deref().filter(|columns| !columns.is_empty()) else {
            return object;
        };
        let mut kept = Value::Object(Map::new());
        for column in columns.split(',') {
            if let Some(value) = at_path(&object, column) {
                put_at_path(&mut kept, column, value.clone());
            }
        }
        kept
    }
}

/// Whether a query parameter says yes.
pub(crate) fn is_true(value: Option<&str>) -> bool {
    value == Some("true")
}

fn at_path<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(object, |value, word| value.get(word))
}

fn put_at_path(object: &mut Value, path: &str, value: Value) {
    let mut place = object;
    for word in path.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(map) = place else { return };
        place = map.entry(word).or_insert(Value::Null);
    }
    *place = value;
}

/// Numbers before texts; what is absent counts as 0.
fn compare(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    let zero = json!(0);
    let (a, b) = (a.unwrap_or(&zero), b.unwrap_or(&zero));
    match (a.as_f64(), b.as_f64(), a.as_str(), b.as_str()) {
        (Some(a), Some(b), ..) => a.total_cmp(&b),
        (_, _, Some(a), Some(b)) => a.cmp(b),
        (Some(_), None, ..) => Ordering::Less,
        (None, Some(_), ..) => Ordering::Greater,
        _ => a.to_string().cmp(&b.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items() -> Vec<Value> {
        ["b1", "a2", "B3"]
            .iter()
            .enumerate()
            .map(|(at, name)| json!({"name": name, "stats": {"rate": at}, "other": 1}))
            .collect()
    }

    fn query(text: &str) -> Query {
        let text = |key: &str| {
            text.split('&').find_map(|pair| {
                pair.split_once('=').filter(|(k, _)| *k == key).map(|(_, v)| v.to_owned())
            })
        };
        Query {
            page: text("page"),
            page_size: text("page_size"),
            name: text("name"),
            use_regex: text("use_regex"),
            sort: text("sort"),
            sort_reverse: text("sort_reverse"),
            columns: text("columns"),
            disable_stats: None,
        }
    }

    fn names(value: &Value) -> Vec<&str> {
        value.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
    }

    #[test]
    fn without_a_page_the_list_is_plain_and_page_size_means_nothing() {
        let list = query("page_size=1&name=b").list(items()).unwrap();
        assert_eq!(names(&list), ["b1", "a2", "B3"]);
    }

    #[test]
    fn a_page_has_all_seven_fields_and_filters_by_name() {
        let list = query("page=1&page_size=1&name=b").list(items()).unwrap();
        assert_eq!(
            (&list["total_count"], &list["filtered_count"], &list["page_count"]),
            (&json!(3), &json!(2), &json!(2))
        );
        assert_eq!(names(&list["items"]), ["b1"]);
        assert_eq!(list["item_count"], 1);
    }

    #[test]
    fn a_page_past_the_end_is_refused_and_the_first_of_nothing_is_not() {
        assert!(query("page=2").list(items()).is_err());
        assert!(query("page=1").list(Vec::new()).is_ok());
        assert!(query("page=0").list(items()).is_err());
        assert!(query("page=1&page_size=501").list(items()).is_err());
        assert!(query("page=1&page_size=500").list(items()).is_ok());
        assert!(query("page=x").list(items()).is_err());
    }

    #[test]
    fn lists_sort_by_a_dotted_path_and_reverse() {
        let list = query("sort=stats.rate&sort_reverse=true").list(items()).unwrap();
        assert_eq!(names(&list), ["B3", "a2", "b1"]);
        assert_eq!(names(&query("sort=name").list(items()).unwrap()), ["B3", "a2", "b1"]);
    }

    #[test]
    fn columns_keep_their_nesting() {
        let list = query("columns=name,stats.rate").list(items()).unwrap();
        assert_eq!(list[1], json!({"name": "a2", "stats": {"rate": 1}}));
    }

    #[test]
    fn a_bad_pattern_matches_nothing() {
        let list = query("page=1&name=(&use_regex=true").list(items()).unwrap();
        assert_eq!(list["filtered_count"], 0);
    }
}
