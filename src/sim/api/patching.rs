//! JSON Patch as the API server applies it (RFC 6902, `github.com/evanphx/json-patch`).

use super::failure::Failure;
use json_patch::{Patch, PatchOperation};
use serde_json::Value;

/// An object after a patch; nothing of it happens when a part of it can't.
pub(super) fn patched(object: &Value, patch: &Value) -> Result<Value, Failure> {
    let Some(operations) = patch.as_array() else {
        let message = "error decoding patch: json: cannot unmarshal into Go value of type []handlers.jsonPatchOp";
        return Err(Failure::bad_request(message));
    };
    let mut patched = object.clone();
    for operation in operations {
        let operation: PatchOperation =
            serde_json::from_value(operation.clone()).map_err(|_| Failure::patch_failed())?;
        if !is_test_of_nothing(&patched, &operation) {
            json_patch::patch(&mut patched, &Patch(vec![operation]))
                .map_err(|_| Failure::patch_failed())?;
        }
    }
    Ok(patched)
}

/// A test for null fits a field that is not there, if what it would be in is there: the one thing in which the server's library differs.
fn is_test_of_nothing(object: &Value, operation: &PatchOperation) -> bool {
    let PatchOperation::Test(test) = operation else {
        return false;
    };
    let path = test.path.as_str();
    let parent = path.rsplit_once('/').map(|(parent, _)| parent);
    test.value.is_null()
        && object.pointer(path).is_none()
        && parent.is_some_and(|parent| object.pointer(parent).is_some_and(Value::is_object))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_that_fails_in_the_middle_does_nothing() {
        let object = json!({"a": 1});
        let add = json!({"op": "add", "path": "/b", "value": 2});
        for bad in [
            json!({"op": "test", "path": "/a", "value": 2}),
            json!({"op": "remove", "path": "/c"}),
            json!({"op": "replace", "path": "/c", "value": 1}),
            json!({"op": "add", "path": "/c/d", "value": 1}),
            json!({"op": "test", "path": "/c/d", "value": null}),
            json!({"op": "unknown", "path": "/a"}),
        ] {
            let failed = patched(&object, &json!([add, bad]));
            assert_eq!(failed, Err(Failure::patch_failed()), "{bad}");
        }
        assert_eq!(patched(&object, &add).unwrap_err().code, 400);
        assert_eq!(patched(&object, &json!([add])), Ok(json!({"a": 1, "b": 2})));
        let nothing = json!([{"op": "test", "path": "/c", "value": null}]);
        assert_eq!(patched(&object, &nothing), Ok(object));
    }
}
