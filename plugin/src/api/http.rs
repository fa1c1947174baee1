//! One exchange, as `wit/http.wit` has it. What streams is beside it: a body that is not
//! read yet, and what the host sends.

use crate::ports::Ports;

/// A header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// In lower case.
    pub name: String,
    /// As it was sent.
    pub value: String,
}

impl Field {
    pub(super) fn new(name: &str, value: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            value: value.into(),
        }
    }
}

/// The body of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// None was sent.
    Empty,
    /// All of it.
    Bytes(Vec<u8>),
    /// More than fits a message, and not read yet.
    Long,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// In upper case.
    pub method: String,
    /// Percent-encoded, starts with `/`.
    pub path: String,
    /// What follows the `?`, percent-encoded.
    pub query: Option<String>,
    /// In the order of the client.
    pub headers: Vec<Field>,
    /// See [`Body`].
    pub body: Body,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let field = self.headers.iter().find(|field| field.name == name);
        field.map(|field| field.value.as_str())
    }

    /// All lines of a header whose value is a list.
    pub(super) fn list(&self, name: &str) -> Option<String> {
        let lines = self.headers.iter().filter(|field| field.name == name);
        let lines: Vec<_> = lines.map(|field| field.value.as_str()).collect();
        (!lines.is_empty()).then(|| lines.join(", "))
    }
}

/// The body of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseBody {
    /// None.
    Empty,
    /// All of it.
    Bytes(Vec<u8>),
}

/// An answer, and what the host streams as its body, if anything.
pub struct Answer<P: Ports> {
    /// Its own body is empty where there is something to stream.
    pub response: Response,
    /// What the host streams.
    pub stream: Option<Stream<P>>,
}

/// What only the host can send.
pub enum Stream<P: Ports> {
    /// The content of an attachment.
    Download(P::Download),
    /// Events, for as long as the connection lasts.
    Subscription(P::Subscription),
}

impl<P: Ports> From<Response> for Answer<P> {
    fn from(response: Response) -> Self {
        Self {
            response,
            stream: None,
        }
    }
}

/// An answer without what streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// From 200 to 599.
    pub status: u16,
    /// Without those that the host adds.
    pub headers: Vec<Field>,
    /// See [`ResponseBody`].
    pub body: ResponseBody,
}

impl Response {
    pub(super) fn json(status: u16, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: vec![Field::new("content-type", "application/json")],
            body: ResponseBody::Bytes(body),
        }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: ResponseBody::Empty,
        }
    }
}
