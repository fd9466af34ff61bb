//! What the lake says of itself is noticed when it is missing, written again, and enough to restore a catalog from.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kino_store::Forget;

use crate::rebuilt::{free, lose_and_rebuild, lose_catalog, numbers, rebuild, rebuild_on};
use crate::support::{LossyDisk, batch, check, open, quiet, trace_id};
use crate::with_home;

/// Three groups, and an end in order.
async fn three_groups(home: &Path) {
    let (store, _) = open(quiet(home)).await;
    for trace in 1..=3 {
        store.append(batch(&[(trace, 0)])).await.unwrap();
        store.flush().await.unwrap();
    }
    store.close().await.unwrap();
    drop(store);
    free(home).await;
}

fn last_inventory(home: &Path) -> PathBuf {
    home.join(format!("lake/inventory/{:012}.inventory", numbers(home, "inventory").last().unwrap()))
}

#[test]
fn descriptions_that_were_removed_are_said_and_written_again_at_the_start() {
    for (folders, said) in [
        (&["manifests"][..], "3 manifests"),
        (&["inventory"], "its inventory"),
        (&["manifests", "inventory"], "its inventory and 3 manifests"),
    ] {
        with_home(|home| async move {
            three_groups(&home).await;
            for folder in folders {
                fs::remove_dir_all(home.join("lake").join(folder)).unwrap();
            }
            let (store, report) = open(quiet(&home)).await;
            assert!(report.warnings.len() == 1 && report.warnings[0].contains(said), "{:?}", report.warnings);
            assert_eq!(store.status().warnings, report.warnings);
            drop(store);
            lose_and_rebuild(&home).await;
            let (store, report) = open(quiet(&home)).await;
            assert!(report.warnings.is_empty(), "it is said once: {:?}", report.warnings);
            check(&store, [(1, 0), (2, 0), (3, 0)]);
        });
    }
}

#[test]
fn a_new_home_and_one_that_was_killed_lack_no_description() {
    with_home(|home| async move {
        for _ in 0..2 {
            let (store, report) = open(quiet(&home)).await;
            assert!(report.warnings.is_empty(), "{:?}", report.warnings);
            store.append(batch(&[(1, 0)])).await.unwrap();
            store.flush().await.unwrap();
            assert_eq!(store.check_files().await.unwrap().descriptions, None);
            drop(store);
            free(&home).await;
        }
        // As a kill between the catalog's transaction and the inventory leaves it.
        fs::remove_file(last_inventory(&home)).unwrap();
        let (_, report) = open(quiet(&home)).await;
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
    });
}

#[test]
fn descriptions_that_are_removed_or_damaged_under_the_engine_are_found_and_written_again() {
    let spoil: [fn(&Path); 4] = [
        |home| fs::remove_dir_all(home.join("lake/manifests")).unwrap(),
        |home| fs::remove_dir_all(home.join("lake/inventory")).unwrap(),
        |home| fs::write(last_inventory(home), b"KINOINV1").unwrap(),
        |home| {
            let manifest = home.join(format!("lake/manifests/{:012}.manifest", numbers(home, "manifests")[1]));
            let mut bytes = fs::read(&manifest).unwrap();
            bytes[20] ^= 1;
            fs::write(manifest, bytes).unwrap();
        },
    ];
    for spoil in spoil {
        with_home(|home| async move {
            three_groups(&home).await;
            let (store, _) = open(quiet(&home)).await;
            spoil(&home);
            let lacked = store.check_files().await.unwrap().descriptions.unwrap();
            assert_eq!(lacked.why_not_mended, None, "{}", lacked.what);
            assert_eq!(store.check_files().await.unwrap().descriptions, None, "after {}", lacked.what);
            store.append(batch(&[(4, 0)])).await.unwrap();
            store.flush().await.unwrap();
            drop(store);
            lose_and_rebuild(&home).await;
            check(&open(quiet(&home)).await.0, [(1, 0), (2, 0), (3, 0), (4, 0)]);
        });
    }
}

#[test]
fn without_its_last_inventory_the_copy_in_the_home_restores_all_and_nothing_twice() {
    for is_folder_lost in [false, true] {
        with_home(|home| async move {
            three_groups(&home).await;
            let (store, _) = open(quiet(&home)).await;
            store.append(batch(&[(3, 1), (4, 0)])).await.unwrap();
            store.flush().await.unwrap();
            // What is pinned stays on the disk, so that merged and forgotten rows lie there.
            let pinned = store.snapshot();
            store.forget(Forget::Traces(vec![trace_id(2)])).await.unwrap();
            store.compact().await.unwrap();
            drop(pinned);
            drop(store);
            free(&home).await;
            lose_catalog(&home);
            if is_folder_lost {
                fs::remove_dir_all(home.join("lake/inventory")).unwrap();
            } else {
                fs::remove_file(last_inventory(&home)).unwrap();
            }
            let disk = Arc::new(LossyDisk::default());
            let rebuilt = rebuild_on(&home, disk.clone()).await;
            disk.lose_power(0);
            assert!(fs::metadata(last_inventory(&home)).unwrap().len() > 0, "what was put back survives power loss");
            assert!(rebuilt.is_inventory_of_copy && !rebuilt.is_last_inventory_lost, "{rebuilt:?}");
            assert!(rebuilt.aside.is_empty() && rebuilt.lost.is_empty(), "{rebuilt:?}");
            let (store, report) = open(quiet(&home)).await;
            assert!(report.warnings.is_empty(), "{:?}", report.warnings);
            check(&store, [(1, 0), (3, 0), (3, 1), (4, 0)]);
        });
    }
}

#[test]
fn a_copy_that_is_newer_than_the_lake_beside_it_is_not_used() {
    with_home(|home| async move {
        three_groups(&home).await;
        let lake = home.join("lake");
        let backup: Vec<_> = ["manifests", "inventory"]
            .iter()
            .flat_map(|folder| fs::read_dir(lake.join(folder)).unwrap())
            .map(|file| file.unwrap().path())
            .map(|path| (fs::read(&path).unwrap(), path))
            .collect();
        let (store, _) = open(quiet(&home)).await;
        store.append(batch(&[(4, 0)])).await.unwrap();
        store.flush().await.unwrap();
        store.close().await.unwrap();
        drop(store);
        free(&home).await;
        lose_catalog(&home);
        for folder in ["manifests", "inventory"] {
            fs::remove_dir_all(lake.join(folder)).unwrap();
            fs::create_dir(lake.join(folder)).unwrap();
        }
        for (bytes, path) in backup {
            fs::write(path, bytes).unwrap();
        }
        let rebuilt = rebuild(&home).await;
        assert!(!rebuilt.is_inventory_of_copy, "{rebuilt:?}");
        check(&open(quiet(&home)).await.0, [(1, 0), (2, 0), (3, 0)]);
    });
}
