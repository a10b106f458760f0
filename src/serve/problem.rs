//! Refusals over HTTP: problem details (RFC 9457). The `type` stays `about:blank`; `title` is the status's own phrase.

use crate::conference::protocol::Refusal;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// One refusal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Problem {
    pub status: StatusCode,
    pub detail: String,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }

    pub fn refused(reason: Refusal, detail: impl Into<String>) -> Self {
        let status = match reason {
            Refusal::Malformed | Refusal::Version => StatusCode::BAD_REQUEST,
            Refusal::RoomsFull | Refusal::ParticipantsFull => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Unsupported => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("refused");
        let body = json!({ "title": title, "status": self.status.as_u16(), "detail": self.detail }).to_string();
        let kind = HeaderValue::from_static("application/problem+json");
        let mut response = (self.status, [(header::CONTENT_TYPE, kind)], body).into_response();
        // Nothing is published yet, or the SFU is full: both may be different in a second.
        if matches!(self.status, StatusCode::CONFLICT | StatusCode::SERVICE_UNAVAILABLE) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
