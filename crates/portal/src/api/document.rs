//! `/api/v1/openapi.json` and `/api`: what programs can do, for programs (OpenAPI 3.1) and for people. Both are made
//! from the table of endpoints and the types behind it, so that they cannot say anything else than what is done.

use std::sync::LazyLock;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::api::endpoint::{Access, Endpoint};
use crate::api::endpoints;
use crate::token::Scope;

/// What programs can do.
pub(crate) struct Document {
    /// As an OpenAPI document, without the site's name and address.
    pub(crate) json: Value,
    /// One thing after the other, for people.
    pub(crate) endpoints: Vec<Described>,
}

/// One thing, for people.
pub(crate) struct Described {
    /// What it is.
    pub(crate) endpoint: Endpoint,
    /// A name for links to it.
    pub(crate) anchor: String,
    /// Its parameters.
    pub(crate) query: Vec<Field>,
    /// What its body says: for each form that it may have, the fields.
    pub(crate) body: Vec<Vec<Field>>,
    /// What is answered.
    pub(crate) answer: Vec<Field>,
}

impl Described {
    /// Who may, for people.
    pub(crate) fn access(&self) -> String {
        match self.endpoint.access {
            Access::Open => "Everybody, without a token.".to_owned(),
            Access::Token => "Any token.".to_owned(),
            Access::Scopes(scopes) => format!("With the scope {}.", words(scopes)),
        }
    }
}

/// A field of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its name; of what lies deeper with the names above it.
    pub(crate) name: String,
    /// What it is: `text`, `number`, `list of texts`, or its only choices.
    pub(crate) kind: String,
    /// What it says.
    pub(crate) says: String,
    /// Whether it may be left out, or be nothing.
    pub(crate) is_optional: bool,
}

/// The document, which is made once.
pub(crate) fn document() -> &'static Document {
    static DOCUMENT: LazyLock<Document> = LazyLock::new(make);
    &DOCUMENT
}

/// Makes the document.
fn make() -> Document {
    // Shapes are those of JSON Schema 2020-12, as OpenAPI 3.1 has them.
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let mut paths: Map<String, Value> = Map::new();
    let mut all = Vec::new();
    for endpoint in endpoints() {
        let parts = Parts::of(&endpoint, &mut generator);
        let operation = parts.operation(&endpoint);
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[endpoint.method.as_str().to_ascii_lowercase()] = operation;
        all.push((endpoint, parts));
    }
    let schemas = generator.take_definitions(true);
    let mut schemas: Map<String, Value> = schemas.into_iter().collect();
    schemas.insert("Problem".to_owned(), problem());
    let described = |(endpoint, parts): (Endpoint, Parts)| {
        let tail = endpoint.path.trim_start_matches("/api/v1/").replace(['/', '{', '}'], "-");
        let fields = |shape: &Value| forms(shape, &schemas);
        Described {
            anchor: format!("{}-{tail}", endpoint.method.as_str().to_ascii_lowercase()),
            query: parts.query.iter().flat_map(&fields).flatten().collect(),
            body: parts.body.iter().flat_map(&fields).collect(),
            answer: fields(&parts.answer).into_iter().flatten().collect(),
            endpoint,
        }
    };
    let described = all.into_iter().map(described).collect();
    let json = json!({
        "openapi": "3.1.0",
        "info": { "title": "", "version": "1", "description": ABOUT },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": {
                "type": "http",
                "scheme": "bearer",
                "description": format!("Scopes: {}.", words(&Scope::ALL)),
            }},
            "responses": { "Problem": {
                "description": "It was not done, and why (RFC 9457).",
                "content": { "application/problem+json": {
                    "schema": { "$ref": "#/components/schemas/Problem" },
                }},
            }},
        },
    });
    Document { json, endpoints: described }
}

/// The shapes of an endpoint.
struct Parts {
    query: Option<Value>,
    body: Option<Value>,
    answer: Value,
}

impl Parts {
    /// Of an endpoint.
    fn of(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> Parts {
        Parts {
            query: endpoint.query.map(|shape| shape(generator).to_value()),
            body: endpoint.body.map(|shape| shape(generator).to_value()),
            answer: (endpoint.answer.1)(generator).to_value(),
        }
    }

    /// The endpoint in the document.
    fn operation(&self, endpoint: &Endpoint) -> Value {
        let names =
            endpoint.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let of_path = |name: &str| {
            let kind =
                if matches!(name, "id" | "account" | "number" | "serial" | "session" | "token") {
                    "integer"
                } else {
                    "string"
                };
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": kind } })
        };
        let mut parameters: Vec<Value> = names.map(of_path).collect();
        if let Some(query) = &self.query {
            let required = query["required"].as_array().cloned().unwrap_or_default();
            for (name, shape) in query["properties"].as_object().into_iter().flatten() {
                let is_required = required.iter().any(|one| one == name);
                let mut shape = shape.clone();
                let says = shape.as_object_mut().and_then(|shape| shape.remove("description"));
                parameters.push(json!({
                    "name": name,
                    "in": "query",
                    "required": is_required,
                    "description": says.unwrap_or_default(),
                    "schema": shape,
                }));
            }
        }
        let is_change = endpoint.method != axum::http::Method::GET;
        if is_change && !endpoint.only_asks {
            parameters.push(json!({
                "name": "Idempotency-Key",
                "in": "header",
                "required": false,
                "description": "Under the same key it is done once, and answered the same for a day.",
                "schema": { "type": "string", "maxLength": 255 },
            }));
        }
        if endpoint.guarded {
            parameters.push(json!({
                "name": "If-Match",
                "in": "header",
                "required": false,
                "description": "The `ETag` of the settings as they were read: if somebody changed them since, it is \
                                refused (412).",
                "schema": { "type": "string" },
            }));
        }
        let mut operation = json!({
            "tags": [endpoint.group],
            "summary": endpoint.summary,
            "description": description(endpoint),
            "operationId": operation_id(endpoint),
            "parameters": parameters,
            "responses": {
                (endpoint.answer.0.as_str()): {
                    "description": "It is done.",
                    "content": { (endpoint.written): { "schema": self.answer } },
                },
                "default": { "$ref": "#/components/responses/Problem" },
            },
            "security": security(endpoint.access),
        });
        if let Some(body) = &self.body {
            operation["requestBody"] = json!({
                "required": true,
                "content": { "application/json": { "schema": body } },
            });
        }
        if let Some(kind) = endpoint.raw {
            operation["requestBody"] = json!({ "required": true, "content": { (kind): {} } });
        }
        operation
    }
}

/// What is to be known of an endpoint, with the scopes that open it.
fn description(endpoint: &Endpoint) -> String {
    match endpoint.access {
        Access::Open | Access::Token => endpoint.detail.to_owned(),
        Access::Scopes(scopes) => {
            format!("{} Scope: {}.", endpoint.detail, words(scopes)).trim().to_owned()
        }
    }
}

/// Scopes as words.
fn words(scopes: &[Scope]) -> String {
    scopes.iter().map(|scope| scope.word()).collect::<Vec<_>>().join(" or ")
}

/// Who may, in the document.
fn security(access: Access) -> Value {
    match access {
        Access::Open => json!([]),
        Access::Token | Access::Scopes(_) => json!([{ "token": [] }]),
    }
}

/// A name for an endpoint that generated programs use: `get_organisations_id_entries`.
fn operation_id(endpoint: &Endpoint) -> String {
    let path = endpoint.path.trim_start_matches("/api/v1/");
    let words = path.split(['/', '{', '}', '-', '.']).filter(|word| !word.is_empty());
    let words = words.collect::<Vec<_>>().join("_");
    format!("{}_{words}", endpoint.method.as_str().to_ascii_lowercase())
}

/// What went wrong (RFC 9457).
fn problem() -> Value {
    json!({
        "type": "object",
        "description": "What went wrong (RFC 9457).",
        "properties": {
            "type": { "type": "string", "description": "Always about:blank: the status says which kind it is." },
            "title": { "type": "string", "description": "In a few words." },
            "status": { "type": "integer", "description": "HTTP's number." },
            "detail": { "type": "string", "description": "What to do about it." },
        },
        "required": ["type", "title", "status", "detail"],
    })
}

/// What an object says: for each form that it may have, its fields and those below them.
fn forms(shape: &Value, schemas: &Map<String, Value>) -> Vec<Vec<Field>> {
    let shape = resolve(shape, schemas);
    if let Some(forms) = shape["oneOf"].as_array() {
        return forms.iter().map(|form| fields("", form, schemas, 0)).collect();
    }
    vec![fields("", shape, schemas, 0)]
}

/// The fields of an object, and those below them.
fn fields(above: &str, shape: &Value, schemas: &Map<String, Value>, depth: usize) -> Vec<Field> {
    let shape = resolve(shape, schemas);
    let mut all = Vec::new();
    // What is flattened into it stands in parts.
    for part in shape["allOf"].as_array().into_iter().flatten() {
        all.extend(fields(above, part, schemas, depth));
    }
    let required = shape["required"].as_array().cloned().unwrap_or_default();
    for (name, of) in shape["properties"].as_object().into_iter().flatten() {
        let name = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        let is_nothing = kinds(of).iter().any(|kind| kind == "null") || may_be_null(of);
        let last = name.rsplit('.').next().unwrap_or_default();
        let is_optional = is_nothing || !required.iter().any(|one| one == last);
        // Words of the field stand in backquotes in the document, which knows Markdown.
        let says = of["description"].as_str().unwrap_or_default().replace('`', "");
        let (kind, inner) = kind(of, schemas);
        all.push(Field { name: name.clone(), kind, says, is_optional });
        if let Some((inner, is_list)) = inner.filter(|_| depth < DEPTH) {
            let above = if is_list { format!("{name}[]") } else { name };
            match resolve(inner, schemas)["oneOf"].as_array() {
                Some(forms) => {
                    for form in forms {
                        all.extend(fields(&above, form, schemas, depth + 1));
                    }
                }
                None => all.extend(fields(&above, inner, schemas, depth + 1)),
            }
        }
    }
    all
}

/// What a field is, in a word, and the object in it with whether there are many.
fn kind<'s>(
    shape: &'s Value,
    schemas: &'s Map<String, Value>,
) -> (String, Option<(&'s Value, bool)>) {
    if let Some(word) = shape["const"].as_str() {
        return (word.to_owned(), None);
    }
    let mut any = shape["anyOf"].as_array().into_iter().flatten();
    if let Some(some) = any.find(|one| one["type"] != "null") {
        return kind(some, schemas);
    }
    let real = resolve(shape, schemas);
    let choices: Vec<&str> = match (real["enum"].as_array(), real["oneOf"].as_array()) {
        (Some(words), _) => words.iter().filter_map(Value::as_str).collect(),
        (None, Some(forms)) => forms.iter().filter_map(|form| form["const"].as_str()).collect(),
        (None, None) => Vec::new(),
    };
    if !choices.is_empty() {
        return (choices.join(", "), None);
    }
    let kinds = kinds(real);
    match kinds.iter().find(|kind| *kind != "null").map(String::as_str) {
        Some("array") => {
            let (inner, object) = kind(&real["items"], schemas);
            let inner = match &*inner {
                "text" | "number" | "object" => format!("{inner}s"),
                _ => inner,
            };
            (format!("list of {inner}"), object.map(|(object, _)| (object, true)))
        }
        Some("string") => ("text".to_owned(), None),
        Some("integer" | "number") => ("number".to_owned(), None),
        Some("boolean") => ("true or false".to_owned(), None),
        _ => ("object".to_owned(), Some((shape, false))),
    }
}

/// The types that a shape names.
fn kinds(shape: &Value) -> Vec<String> {
    match &shape["type"] {
        Value::String(kind) => vec![kind.clone()],
        Value::Array(kinds) => {
            kinds.iter().filter_map(|kind| kind.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether something may be nothing.
fn may_be_null(shape: &Value) -> bool {
    shape["anyOf"].as_array().into_iter().flatten().any(|one| one["type"] == "null")
}

/// What a shape refers to.
fn resolve<'s>(shape: &'s Value, schemas: &'s Map<String, Value>) -> &'s Value {
    let name = shape["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    name.and_then(|name| schemas.get(name)).unwrap_or(shape)
}

/// What the API is.
const ABOUT: &str = "What people do on the pages of this site, for programs: by the same rules, with the same rows in \
                     the audit log.";
/// How deep fields are shown.
const DEPTH: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes;

    #[test]
    fn the_document_names_every_route_of_the_api_and_no_other() {
        let document = document();
        let paths = document.json["paths"].as_object().expect("there are some");
        let mut ids = Vec::new();
        for (path, operations) in paths {
            for (method, operation) in operations.as_object().expect("there are some") {
                ids.push((method.to_ascii_uppercase(), path.clone()));
                assert_ne!(operation["summary"], "", "{method} {path}");
                let says = operation["responses"].as_object().expect("there are some");
                assert_eq!(says.len(), 2, "{method} {path}");
            }
        }
        let mut routes: Vec<(String, String)> = routes::all()
            .iter()
            .filter(|route| route.path.starts_with("/api/v1/"))
            .filter(|route| !route.path.starts_with("/api/v1/distribution/"))
            .filter(|route| route.path != "/api/v1/openapi.json")
            .map(|route| (route.method.to_string(), route.path.to_owned()))
            .collect();
        ids.sort();
        routes.sort();
        assert_eq!(ids, routes);
    }

    #[test]
    fn whatever_a_shape_refers_to_is_there() {
        let text = document().json.to_string();
        for part in text.split("\"$ref\":\"#/components/").skip(1) {
            let path = part.split('"').next().expect("it ends");
            let (kind, name) = path.split_once('/').expect("it has two parts");
            assert!(!document().json["components"][kind][name].is_null(), "{path}");
        }
    }

    #[test]
    fn people_read_the_same_fields() {
        let all = &document().endpoints;
        let of = |anchor: &str| all.iter().find(|one| one.anchor == anchor).expect("it is there");
        let lists = of("get-lists");
        let names: Vec<&str> = lists.answer.iter().map(|field| &*field.name).collect();
        assert!(names.contains(&"lists[].codes[].meaning"), "{names:?}");
        let decide = of("post-requests--id--decide");
        assert_eq!(decide.body.len(), 4, "{:?}", decide.body);
        assert!(decide.body[0].iter().any(|field| field.kind == "approve"), "{:?}", decide.body);
        let claims = of("post-claims");
        let proof = claims.body[0].iter().find(|field| field.name == "proof").expect("there");
        assert_eq!(
            (&*proof.kind, proof.is_optional),
            ("dns, postmaster, hostmaster, abuse", false)
        );
    }
}
