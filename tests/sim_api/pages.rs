//! Lists that come in pages.

use super::*;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, PostParams};

async fn config_maps(world: &World, count: usize) -> Api<ConfigMap> {
    let api: Api<ConfigMap> = Api::namespaced(world.client("test/1"), "lab30");
    for number in 0..count {
        let mut map = ConfigMap::default();
        map.metadata.name = Some(format!("map-{number}"));
        api.create(&PostParams::default(), &map).await.unwrap();
    }
    api
}

#[tokio::test(start_paused = true)]
async fn a_second_page_of_a_list_that_has_changed_is_gone() {
    let (world, _) = world().await;
    let api = config_maps(&world, 3).await;
    let page = ListParams::default().limit(2);
    let first = api.list(&page).await.unwrap();
    let next = page.continue_token(first.metadata.continue_.as_deref().unwrap());
    let deleted = api.delete("map-0", &DeleteParams::default()).await;
    deleted.unwrap();
    match api.list(&next).await {
        Err(kube::Error::Api(status)) => {
            assert_eq!((status.code, status.reason.as_str()), (410, "Expired"));
        }
        other => panic!("{other:?}"),
    }
    let nonsense = ListParams::default().continue_token("abc");
    assert!(api.list(&nonsense).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn pages_hold_every_object_once() {
    let (world, _) = world().await;
    let api = config_maps(&world, 5).await;
    let mut page = ListParams::default().limit(2);
    let mut names = Vec::new();
    loop {
        let list = api.list(&page).await.unwrap();
        names.extend(list.items.into_iter().map(|map| map.metadata.name.unwrap()));
        match list.metadata.continue_ {
            Some(token) if !token.is_empty() => page = page.continue_token(&token),
            _ => break,
        }
    }
    assert_eq!(names, ["map-0", "map-1", "map-2", "map-3", "map-4"]);
}
