//! Addresses, taken apart.

/// An `http` or `https` address without its fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// Lower case, without a port.
    pub(super) host: String,
    /// Decoded, without a slash at its start; never with `.` or `..` as a part.
    pub(super) path: String,
    /// What follows the question mark, as it was written.
    pub(super) query: String,
}

impl Address {
    /// Takes `url` apart; `None` if it is no address of the web or its path could mean more than one thing.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (whole, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = whole.split_once('/').unwrap_or((whole, ""));
        let host = authority.rsplit('@').next().unwrap_or_default();
        let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let path = decode(path, false)?;
        let is_plain = |part: &str| part != "." && part != "..";
        let sound = !host.is_empty() && !path.contains(['\0', '\\']) && path.split('/').all(is_plain);
        sound.then(|| Self { host, path, query: query.to_owned() })
    }

    /// The values of the query's parameter `name`, decoded, in order.
    pub(super) fn parameters<'a>(&'a self, name: &'a str) -> impl Iterator<Item = String> + 'a {
        self.query.split('&').filter_map(move |pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then(|| decode(value, true)).flatten()
        })
    }
}

/// Decodes `%41`, and `+` where it means a space; `None` if the bytes are no UTF-8.
pub(super) fn decode(text: &str, plus: bool) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex =
            || std::str::from_utf8(bytes.get(at + 1..at + 3)?).ok().and_then(|two| u8::from_str_radix(two, 16).ok());
        match (bytes[at], hex()) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 2;
            }
            (b'+', _) if plus => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_an_address_apart() {
        let address = Address::parse("https://user@CDN.example:443/npm/%40a/b@1/c%20d.js?x=1+2&y#z").unwrap();
        let expected =
            Address { host: "cdn.example".into(), path: "npm/@a/b@1/c d.js".into(), query: "x=1+2&y".into() };
        assert_eq!(address, expected);
        assert_eq!(address.parameters("x").collect::<Vec<_>>(), ["1 2"]);
        assert_eq!(Address::parse("http://host").unwrap().path, "");
    }

    #[test]
    fn refuses_what_is_no_address_and_paths_that_climb() {
        for bad in ["data:text/html,x", "file:///etc/passwd", "https:///x", "https://h/a/../b", "https://h/%2e%2e/b"] {
            assert_eq!(Address::parse(bad), None, "{bad}");
        }
        assert_eq!(Address::parse("https://h/a%00b"), None);
        assert_eq!(Address::parse("https://h/%ff"), None);
    }
}
