//! The document as text and as trees.
//!
//! A tree is a list of nodes in document order, each with the place of its parent in the list, since a page may nest
//! its elements deeper than any reader's stack.

use std::collections::HashMap;
use std::time::Instant;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Call, Halt, Page, Thrown};
use crate::report::Cut;

const HTML: &str = "(most) => {
  const type = document.doctype;
  const name = type ? new XMLSerializer().serializeToString(type) : '';
  const html = name + (document.documentElement ? document.documentElement.outerHTML : '');
  return { value: html.slice(0, most), cut: html.length > most, title: document.title.slice(0, 1024) };
}";

const TEXTS: &str = "(selector, most) => {
  const value = [];
  let cut = false;
  for (const element of document.querySelectorAll(selector)) {
    const text = element.textContent;
    cut = cut || text.length > most || value.length === 1024;
    if (value.length === 1024) break;
    value.push(text.slice(0, most));
    most -= value[value.length - 1].length;
  }
  return { value, cut };
}";

#[derive(Deserialize)]
struct Texts {
    value: Vec<String>,
    cut: bool,
}

#[derive(Deserialize)]
struct Html {
    value: String,
    cut: bool,
    title: String,
}

/// `DOMSnapshot.captureSnapshot`, as far as it is read. Numbers that stand for texts are places in `strings`.
#[derive(Deserialize)]
struct Snapshot {
    documents: Vec<Document>,
    strings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(rename = "documentURL")]
    url: i64,
    nodes: Nodes,
    layout: Layout,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Nodes {
    parent_index: Vec<i64>,
    node_type: Vec<u8>,
    node_name: Vec<i64>,
    node_value: Vec<i64>,
    attributes: Vec<Vec<i64>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layout {
    node_index: Vec<usize>,
    styles: Vec<Vec<i64>>,
    bounds: Vec<Vec<f64>>,
    text: Vec<i64>,
}

#[derive(Deserialize)]
struct AccessibilityTree {
    nodes: Vec<AccessibilityNode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccessibilityNode {
    node_id: String,
    parent_id: Option<String>,
    #[serde(default)]
    ignored: bool,
    role: Option<AccessibilityValue>,
    name: Option<AccessibilityValue>,
    value: Option<AccessibilityValue>,
    #[serde(default)]
    properties: Vec<AccessibilityProperty>,
}

#[derive(Deserialize)]
struct AccessibilityValue {
    value: Option<Value>,
}

#[derive(Deserialize)]
struct AccessibilityProperty {
    name: String,
    value: AccessibilityValue,
}

const TEXT_NODE: u8 = 3;
const ELEMENT_NODE: u8 = 1;

impl Page {
    /// The document as serialised HTML, at most `most` UTF-16 units of it.
    pub(crate) fn html(&mut self, most: usize, deadline: Instant) -> Result<Thrown<Cut<String>>, Halt> {
        let html = self.run::<Html>(HTML, &[json!(most)], deadline)?;
        Ok(html.map(|Html { value, cut, title }| {
            self.title = title;
            Cut { value, cut }
        }))
    }

    /// The texts of the first 1,024 elements that a CSS selector finds, at most `most` UTF-16 units of all together.
    pub(crate) fn texts(
        &mut self,
        selector: &str,
        most: usize,
        deadline: Instant,
    ) -> Result<Thrown<Cut<Vec<String>>>, Halt> {
        let texts = self.run::<Texts>(TEXTS, &[json!(selector), json!(most)], deadline)?;
        Ok(texts.map(|Texts { value, cut }| Cut { value, cut }))
    }

    /// The document as a tree: `{"documents": [{"url", "nodes": [{"parent", "name", "attributes", "text", "box",
    /// "styles"}]}]}`, the main document first, with boxes as `[x, y, width, height]` in CSS pixels of the document.
    /// `text` of an element is absent; that of a text node is what is shown of it, if anything is.
    pub(crate) fn tree(&mut self, styles: &[String], most: usize, deadline: Instant) -> Result<Cut<Value>, Halt> {
        let params = json!({ "computedStyles": styles }).to_string();
        let call: Call<Snapshot> = self.send_plain("DOMSnapshot.captureSnapshot", &params, deadline)?;
        let snapshot = self.wait(&call, deadline)?;
        Ok(document_tree(&snapshot, styles, most))
    }

    /// The accessibility tree: `{"nodes": [{"parent", "role", "name", "value", "properties"}]}`, without the nodes that
    /// assistive tools are not shown.
    pub(crate) fn accessibility(&mut self, most: usize, deadline: Instant) -> Result<Cut<Value>, Halt> {
        let call: Call<AccessibilityTree> = self.send_plain("Accessibility.getFullAXTree", "{}", deadline)?;
        let tree = self.wait(&call, deadline)?;
        Ok(accessibility_tree(tree.nodes, most))
    }
}

fn document_tree(snapshot: &Snapshot, styles: &[String], most: usize) -> Cut<Value> {
    let text = |place: i64| usize::try_from(place).ok().and_then(|place| snapshot.strings.get(place));
    let mut left = most;
    let mut cut = false;
    let mut documents = Vec::new();
    for Document { url, nodes, layout } in &snapshot.documents {
        let boxes: HashMap<usize, usize> =
            layout.node_index.iter().enumerate().map(|(place, node)| (*node, place)).collect();
        let mut list = Vec::new();
        for index in 0..nodes.parent_index.len() {
            if left == 0 {
                cut = true;
                break;
            }
            left -= 1;
            let mut node = Map::new();
            node.insert("parent".into(), json!(nodes.parent_index[index]));
            node.insert("name".into(), json!(nodes.node_name.get(index).and_then(|name| text(*name))));
            let attributes = nodes.attributes.get(index).map(Vec::as_slice).unwrap_or_default();
            if !attributes.is_empty() {
                let pairs = attributes.chunks_exact(2).filter_map(|pair| Some((text(pair[0])?, text(pair[1])?)));
                let pairs: Map<String, Value> = pairs.map(|(name, value)| (name.clone(), json!(value))).collect();
                node.insert("attributes".into(), Value::Object(pairs));
            }
            let kind = nodes.node_type.get(index).copied().unwrap_or_default();
            if kind != ELEMENT_NODE && kind != TEXT_NODE {
                node.insert("value".into(), json!(nodes.node_value.get(index).and_then(|value| text(*value))));
            }
            if let Some(place) = boxes.get(&index) {
                node.insert("box".into(), json!(layout.bounds.get(*place)));
                if let Some(shown) = layout.text.get(*place).and_then(|shown| text(*shown)) {
                    node.insert("text".into(), json!(shown));
                }
                let values = layout.styles.get(*place).map(Vec::as_slice).unwrap_or_default();
                if !values.is_empty() {
                    let pairs = styles.iter().zip(values).filter_map(|(name, value)| Some((name, text(*value)?)));
                    let pairs: Map<String, Value> = pairs.map(|(name, value)| (name.clone(), json!(value))).collect();
                    node.insert("styles".into(), Value::Object(pairs));
                }
            }
            list.push(Value::Object(node));
        }
        documents.push(json!({ "url": text(*url), "nodes": list }));
    }
    Cut { value: json!({ "documents": documents }), cut }
}

fn accessibility_tree(nodes: Vec<AccessibilityNode>, most: usize) -> Cut<Value> {
    let mut places: HashMap<String, i64> = HashMap::new();
    let mut list = Vec::new();
    let mut cut = false;
    for node in nodes {
        let parent = node.parent_id.and_then(|id| places.get(&id).copied()).unwrap_or(-1);
        if node.ignored {
            // What it contains hangs on the nearest node above that is shown.
            places.insert(node.node_id, parent);
            continue;
        }
        if list.len() >= most {
            cut = true;
            break;
        }
        places.insert(node.node_id, list.len() as i64);
        let plain = |value: Option<AccessibilityValue>| value.and_then(|value| value.value).filter(|value| value != "");
        let mut entry = Map::new();
        entry.insert("parent".into(), json!(parent));
        for (key, value) in [("role", plain(node.role)), ("name", plain(node.name)), ("value", plain(node.value))] {
            if let Some(value) = value {
                entry.insert(key.into(), value);
            }
        }
        let properties: Map<String, Value> =
            node.properties.into_iter().filter_map(|property| Some((property.name, property.value.value?))).collect();
        if !properties.is_empty() {
            entry.insert("properties".into(), Value::Object(properties));
        }
        list.push(Value::Object(entry));
    }
    Cut { value: json!({ "nodes": list }), cut }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_becomes_a_list_with_boxes_text_and_styles() {
        let snapshot: Snapshot = serde_json::from_str(
            r##"{"strings":["about:blank","#document","P","id","a","#text","hello","rgb(0, 0, 0)","raw  hello"],
              "documents":[{"documentURL":0,
                "nodes":{"parentIndex":[-1,0,1],"nodeType":[9,1,3],"nodeName":[1,2,5],"nodeValue":[-1,-1,8],
                  "attributes":[[],[3,4],[]]},
                "layout":{"nodeIndex":[1,2],"styles":[[7],[]],"bounds":[[0,1,2,3],[4,5,6,7]],"text":[-1,6]}}]}"##,
        )
        .unwrap();
        let tree = document_tree(&snapshot, &["color".into()], 10);
        let nodes = &tree.value["documents"][0]["nodes"];
        assert_eq!(nodes[1]["name"], "P");
        assert_eq!(nodes[1]["attributes"]["id"], "a");
        assert_eq!(nodes[1]["box"], json!([0.0, 1.0, 2.0, 3.0]));
        assert_eq!(nodes[1]["styles"]["color"], "rgb(0, 0, 0)");
        assert_eq!((&nodes[2]["text"], &nodes[2]["parent"]), (&json!("hello"), &json!(1)));
        assert!(!tree.cut);
        assert!(document_tree(&snapshot, &[], 2).cut);
    }

    #[test]
    fn what_is_not_shown_to_assistive_tools_hands_its_parent_on() {
        let nodes = r#"[{"nodeId":"1","role":{"value":"RootWebArea"},"name":{"value":"t"}},
            {"nodeId":"2","parentId":"1","ignored":true},
            {"nodeId":"3","parentId":"2","role":{"value":"button"},"name":{"value":"Go"},
             "properties":[{"name":"focusable","value":{"value":true}}]}]"#;
        let tree = accessibility_tree(serde_json::from_str(nodes).unwrap(), 10);
        assert_eq!(
            tree.value["nodes"][1],
            json!({"parent":0,"role":"button","name":"Go","properties":{"focusable":true}})
        );
    }
}
