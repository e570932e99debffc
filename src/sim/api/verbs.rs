//! Which request means what, and what is noted of it.

use super::super::{State, json};
use super::call::{Call, Target};
use super::failure::Failure;
use super::resources::{INCIDENTS, PODS};
use super::write::{self, Request};
use super::write_log::Write;
use super::{Content, logs, read, schema, watch};
use serde_json::json;

type Answer = Result<(u16, Content), Failure>;

/// Works on one request and notes it where it asked for a change.
pub(super) fn handle(state: &mut State, call: &Call) -> (u16, Content) {
    let (status, content) = match answer(state, call) {
        Ok(answer) => answer,
        Err(failure) => (failure.code, Content::Json(failure.body())),
    };
    if call.is_write() {
        let kept = status < 400 && !call.dry_run();
        let resource_version = match &content {
            Content::Json(object) if kept => json::text(object, "/metadata/resourceVersion"),
            _ => "",
        };
        state.api.log.note(Write {
            at: state.api.store.now(),
            verb: call.method.clone(),
            path: call.path.clone(),
            user_agent: call.user_agent.clone(),
            field_manager: call.field_manager(),
            dry_run: call.dry_run(),
            body: call.body.clone(),
            status,
            resource_version: resource_version.to_owned(),
        });
    }
    (status, content)
}

fn answer(state: &mut State, call: &Call) -> Answer {
    let api = &mut state.api;
    let json_answer = |status, object| Ok((status, Content::Json(object)));
    match (call.method.as_str(), call.target()?) {
        ("GET", Target::Version) => json_answer(
            200,
            json!({"major": "1", "minor": "34", "gitVersion": "v1.34.4"}),
        ),
        ("GET", Target::Schemas) => match &api.incidents {
            Some(schema) => json_answer(200, schema::served(schema)),
            None => Err(Failure::no_such_path()),
        },
        ("POST", Target::AccessReview) => {
            let mut review = call.body.clone();
            json::set(&mut review, "/status", json!({"allowed": api.may_patch}));
            json_answer(201, review)
        }
        (method, Target::Objects(objects)) => {
            if objects.resource == INCIDENTS && api.incidents.is_none() {
                return Err(Failure::no_such_path());
            }
            call.check_options()?;
            let request = Request {
                call,
                objects: &objects,
            };
            let subresource = objects.subresource.as_deref();
            let is_there = match subresource {
                Some("status") => objects.resource.has_status,
                Some("log") => objects.resource == PODS,
                Some(_) => false,
                None => true,
            };
            if !is_there {
                return Err(Failure::no_such_path());
            }
            match (method, objects.name.as_deref(), subresource) {
                ("GET", Some(_), Some("log")) => {
                    let text = logs::read(state, call, &objects)?;
                    Ok((200, Content::Text(text)))
                }
                ("GET", Some(name), _) => json_answer(200, read::get(api, &objects, name)?),
                ("GET", None, _) if call.is_watch() => {
                    let watch = watch::asked(call, objects)?;
                    Ok((200, Content::Watch(Box::new(watch))))
                }
                ("GET", None, _) => json_answer(200, read::list(api, call, &objects)?),
                (_, _, Some("log")) => Err(Failure::method_not_allowed()),
                ("POST", None, None) => json_answer(201, write::create(api, request)?),
                ("PUT", Some(name), _) => {
                    let (status, object) = write::replace(api, request, name)?;
                    json_answer(status, object)
                }
                ("PATCH", Some(name), _) => json_answer(200, write::patch(api, request, name)?),
                ("DELETE", Some(name), None) => {
                    json_answer(200, write::remove(api, request, name)?)
                }
                _ => Err(Failure::method_not_allowed()),
            }
        }
        _ => Err(Failure::method_not_allowed()),
    }
}
