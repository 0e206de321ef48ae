//! What a request brings: path, query, body. What cannot be read is answered as JSON, like all
//! else.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::error::Failure;

/// The largest body of a request, in bytes. Source: RabbitMQ, `management.http.max_body_size`.
pub(crate) const BODY_BYTES_MAX: usize = 10_000_000;

/// The segments of the path, percent-decoded.
#[derive(Debug)]
pub(crate) struct Path<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(segments)) => Ok(Self(segments)),
            Err(rejection) => Err(Failure::bad_request(rejection.body_text())),
        }
    }
}

/// The query.
#[derive(Debug)]
pub(crate) struct UrlQuery<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for UrlQuery<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(rejection) => Err(Failure::bad_request(rejection.body_text())),
        }
    }
}

/// The JSON object in the body, whatever its content type says; nothing, `null` and `undefined` are
/// an empty one.
///
/// Source: RabbitMQ; `management.md` §1.1 of the specification sheets.
#[derive(Debug, Default)]
pub(crate) struct Fields(Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        match Bytes::from_request(request, state).await {
            Ok(body) => Self::parse(&body),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(
                Failure::bad_request(format!("wanted a body of {BODY_BYTES_MAX} bytes at most")),
            ),
            Err(rejection) => Err(Failure::bad_request(rejection.body_text())),
        }
    }
}

impl Fields {
    /// # Errors
    ///
    /// 400 `not_json` if it is no JSON object; with another reason if it is one inside a text.
    fn parse(body: &[u8]) -> Result<Self, Failure> {
        if matches!(body.trim_ascii(), b"" | b"null" | b"undefined") {
            return Ok(Self::default());
        }
        match serde_json::from_slice(body) {
            Ok(Value::Object(map)) => Ok(Self(map)),
            Ok(Value::String(_)) => Err(Failure::bad_request(
                "found a JSON string, wanted a JSON object: is the body encoded twice?",
            )),
            Ok(_) | Err(_) => Err(Failure::bad_request("not_json")),
        }
    }

    /// A field that is there and not `null`.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// # Errors
    ///
    /// 400 `[{key_missing,…}]` if it is not there.
    pub(crate) fn wanted(&self, name: &str) -> Result<&Value, Failure> {
        self.must_have(&[name])?;
        self.get(name).ok_or_else(|| missing(&[name]))
    }

    /// # Errors
    ///
    /// 400 `[{key_missing,…},…]` with all that are not there.
    pub(crate) fn must_have(&self, names: &[&str]) -> Result<(), Failure> {
        let lacking: Vec<&str> =
            names.iter().copied().filter(|name| self.get(name).is_none()).collect();
        if lacking.is_empty() { Ok(()) } else { Err(missing(&lacking)) }
    }

    /// A text that may be missing.
    ///
    /// # Errors
    ///
    /// 400 if it is no text.
    pub(crate) fn optional_text(&self, name: &str) -> Result<Option<&str>, Failure> {
        self.get(name).map(|_| self.text(name)).transpose()
    }

    /// Texts in a list, or in one text with commas between, as RabbitMQ's clients write tags;
    /// `None` if it is not there.
    ///
    /// # Errors
    ///
    /// 400 if it is neither.
    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, Failure> {
        let failed =
            |found: &Value| Failure::bad_request(format!("{name}: found {found}, wanted texts"));
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| failed(value));
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(values)) => {
                values.iter().map(text).collect::<Result<_, _>>().map(Some)
            }
            Some(Value::String(list)) => {
                let words = list.split(',').map(str::trim).filter(|word| !word.is_empty());
                Ok(Some(words.map(str::to_owned).collect()))
            }
            Some(other) => Err(failed(other)),
        }
    }

    /// # Errors
    ///
    /// 400 if it is not there, or no text.
    pub(crate) fn text(&self, name: &str) -> Result<&str, Failure> {
        let found = self.wanted(name)?;
        let failed = || Failure::bad_request(format!("{name}: found {found}, wanted a text"));
        found.as_str().ok_or_else(failed)
    }

    /// Yes, no or nothing, also as texts: RabbitMQ's command line writes `"true"`.
    ///
    /// # Errors
    ///
    /// 400 `["not_boolean", …]` if it is something else.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Failure> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(Value::String(text)) if text == "true" => Ok(Some(true)),
            Some(Value::String(text)) if text == "false" => Ok(Some(false)),
            Some(found) => Err(Failure::bad_request(json!(["not_boolean", found]))),
        }
    }
}

fn missing(names: &[&str]) -> Failure {
    let keys: Vec<String> = names.iter().map(|name| format!("{{key_missing,{name}}}")).collect();
    Failure::bad_request(format!("[{}]", keys.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_body_is_an_empty_object() {
        for body in ["", " \n", "null", "undefined", "{}"] {
            assert!(Fields::parse(body.as_bytes()).unwrap().0.is_empty(), "{body:?}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused_with_rabbitmqs_reason() {
        for body in ["{bad", "[]", "1", "\u{feff}{}"] {
            let refused = Fields::parse(body.as_bytes()).unwrap_err();
            assert_eq!(refused, Failure::bad_request("not_json"), "{body:?}");
        }
        let twice = Fields::parse(br#""{\"a\":1}""#).unwrap_err();
        assert!(format!("{twice:?}").contains("encoded twice"), "{twice:?}");
    }

    #[test]
    fn all_that_is_missing_is_named() {
        let fields = Fields::parse(br#"{"b":1,"c":null}"#).unwrap();
        assert_eq!(fields.must_have(&["b"]), Ok(()));
        let expected = Failure::bad_request("[{key_missing,a},{key_missing,c}]");
        assert_eq!(fields.must_have(&["a", "b", "c"]), Err(expected));
    }

    #[test]
    fn texts_come_in_a_list_or_with_commas_between() {
        let fields = Fields::parse(br#"{"a":" x, y,","b":["x, y"],"c":[1],"d":1,"e":""}"#).unwrap();
        let words = |name| fields.texts(name).map(|it| it.unwrap_or_default().join("|"));
        assert_eq!(words("a"), Ok("x|y".to_owned()));
        assert_eq!(words("b"), Ok("x, y".to_owned()));
        assert!(words("c").is_err() && words("d").is_err());
        assert_eq!((fields.texts("e"), fields.texts("f")), (Ok(Some(Vec::new())), Ok(None)));
    }

    #[test]
    fn flags_may_be_texts_and_nothing_else() {
        let fields = Fields::parse(br#"{"a":true,"b":"false","c":"maybe","d":null}"#).unwrap();
        assert_eq!(fields.flag("a"), Ok(Some(true)));
        assert_eq!(fields.flag("b"), Ok(Some(false)));
        assert_eq!(fields.flag("c"), Err(Failure::bad_request(json!(["not_boolean", "maybe"]))));
        assert_eq!((fields.flag("d"), fields.flag("e")), (Ok(None), Ok(None)));
    }
}
