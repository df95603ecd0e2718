//! Printing a page.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;

use super::{Call, Halt, Page, Thrown};
use crate::WebError;

/// The first sheet, in the size that the page's style states (`@page`), with its backgrounds and no margins of ours.
const PARAMETERS: &str = r#"{"printBackground":true,"preferCSSPageSize":true,"pageRanges":"1","marginTop":0,
    "marginBottom":0,"marginLeft":0,"marginRight":0}"#;

#[derive(Deserialize)]
struct Printed {
    data: String,
}

impl Page {
    /// The page's first sheet as PDF; the inner error is the browser's reason for having none.
    pub(crate) fn print(&mut self, deadline: Instant) -> Result<Thrown<Vec<u8>>, Halt> {
        let call: Call<Printed> = self.send_plain("Page.printToPDF", PARAMETERS, deadline)?;
        let printed = match self.wait(&call, deadline) {
            Ok(printed) => printed,
            Err(Halt::Failed(WebError::Refused { message, .. })) => return Ok(Err(message)),
            Err(halt) => return Err(halt),
        };
        let form = |error: base64::DecodeError| WebError::Form {
            method: "Page.printToPDF".to_owned(),
            message: error.to_string(),
        };
        Ok(Ok(BASE64.decode(printed.data.as_bytes()).map_err(form)?))
    }
}
