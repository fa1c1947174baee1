//! Which test shows what: every refusal and every defect of the original that the notes on
//! it list (`docs/compatibility.md`), by the name of its test.

/// What is shown, and the file and the name of each test that shows it.
type Item = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// The refusals by their status, and the defects by their number.
const ITEMS: &[Item] = &[
    (
        "400 SyntaxError",
        "a body that is no JSON",
        &[("plugin/tests/chat/errors.rs", "bodies_that_are_no_json")],
    ),
    (
        "400 INVALID_PARAMETER_VALUE",
        "a filter or where that is none",
        &[
            ("plugin/tests/chat/errors.rs", "filters_that_are_none"),
            (
                "tests/tests/messages/refusals.rs",
                "bad_filters_are_refused",
            ),
        ],
    ),
    (
        "400 INVALID_INCLUSION_FILTER",
        "an unknown relation",
        &[("plugin/tests/chat/errors.rs", "inclusions_that_are_none")],
    ),
    (
        "400 order",
        "a direction that is none",
        &[("plugin/tests/chat/errors.rs", "filters_that_are_none")],
    ),
    (
        "400 id",
        "another id in the body of a PUT",
        &[
            ("tests/tests/messages/refusals.rs", "bad_bodies_are_refused"),
            (
                "tests/tests/compat/main.rs",
                "every_operation_answers_as_documented",
            ),
        ],
    ),
    (
        "401",
        "no token, or none that is good",
        &[
            (
                "plugin/tests/chat/errors.rs",
                "strangers_learn_nothing_before_they_are_known",
            ),
            ("host/src/auth/tests.rs", "signatures_and_algorithms"),
            ("host/src/auth/tests.rs", "claims_are_read_strictly"),
            ("host/src/auth/tests.rs", "headers"),
        ],
    ),
    (
        "403",
        "a token without the permission",
        &[
            (
                "plugin/tests/chat/errors.rs",
                "each_route_asks_for_its_permission_before_it_reads_the_request",
            ),
            (
                "plugin/tests/chat/matrix/mod.rs",
                "everybody_gets_what_the_rules_say",
            ),
        ],
    ),
    (
        "404 EntityNotFound",
        "a read of what isn't there",
        &[("plugin/tests/chat/errors.rs", "what_is_not_there")],
    ),
    (
        "404 ENTITY_NOT_FOUND",
        "a change of what isn't there",
        &[("plugin/tests/chat/errors.rs", "what_is_not_there")],
    ),
    (
        "404 API not found",
        "an unknown path",
        &[("plugin/tests/chat/errors.rs", "unknown_paths_and_methods")],
    ),
    (
        "404 foreign key",
        "a parent or message that isn't there",
        &[
            (
                "plugin/tests/chat/messages.rs",
                "a_parent_is_a_live_message_of_the_same_channel",
            ),
            (
                "plugin/tests/chat/recipients.rs",
                "a_row_belongs_to_a_message_that_is_there",
            ),
        ],
    ),
    (
        "404 not null",
        "a PUT without deletedOn: here it is a 204",
        &[(
            "plugin/tests/chat/messages.rs",
            "put_replaces_everything_but_the_audit_properties",
        )],
    ),
    (
        "409",
        "a second row for a recipient",
        &[(
            "plugin/tests/chat/recipients.rs",
            "there_is_one_live_row_for_a_message_and_a_recipient",
        )],
    ),
    (
        "413",
        "a body above the limit",
        &[
            ("plugin/tests/chat/errors.rs", "bodies_that_are_no_json"),
            (
                "tests/tests/http.rs",
                "a_body_over_the_limit_is_refused_whether_its_length_is_told_or_not",
            ),
        ],
    ),
    (
        "415",
        "a body of another type",
        &[
            ("plugin/tests/chat/errors.rs", "bodies_that_are_no_json"),
            (
                "tests/tests/edge.rs",
                "a_compressed_body_is_refused_and_a_plain_one_is_not",
            ),
        ],
    ),
    (
        "422 VALIDATION_FAILED",
        "a body that breaks the schema",
        &[
            (
                "plugin/tests/chat/errors.rs",
                "bodies_that_break_the_schema",
            ),
            (
                "plugin/tests/chat/errors.rs",
                "the_wording_of_a_broken_schema",
            ),
        ],
    ),
    (
        "422 ValidationError",
        "a blank property",
        &[("plugin/tests/chat/errors.rs", "blank_properties")],
    ),
    (
        "D1",
        "no object has an owner",
        &[
            (
                "plugin/tests/chat/matrix/mod.rs",
                "everybody_gets_what_the_rules_say",
            ),
            (
                "tests/tests/scope.rs",
                "every_role_sees_and_changes_its_own_part",
            ),
        ],
    ),
    (
        "D2",
        "conditions are dropped",
        &[
            (
                "plugin/tests/chat/errors.rs",
                "conditions_are_never_overlooked",
            ),
            (
                "plugin/tests/chat/scope.rs",
                "a_filter_never_widens_the_scope",
            ),
            (
                "plugin/tests/chat/scope.rs",
                "bulk_patch_touches_only_what_the_caller_may_touch",
            ),
            (
                "plugin/tests/chat/defects.rs",
                "an_or_below_a_message_stays_below_it",
            ),
            (
                "plugin/tests/chat/replies.rs",
                "replies_are_changed_and_deleted_together_and_no_others",
            ),
        ],
    ),
    (
        "D3",
        "PUT of a message fails",
        &[
            (
                "plugin/tests/chat/messages.rs",
                "put_replaces_everything_but_the_audit_properties",
            ),
            (
                "tests/tests/compat/main.rs",
                "every_operation_answers_as_documented",
            ),
        ],
    ),
    (
        "D4",
        "no table for files",
        &[
            (
                "plugin/tests/chat/files.rs",
                "a_file_needs_nothing_and_keeps_what_it_is_given",
            ),
            (
                "tests/tests/compat/main.rs",
                "every_operation_answers_as_documented",
            ),
        ],
    ),
    (
        "D5",
        "texts of errors outlive their request",
        &[(
            "plugin/tests/chat/defects.rs",
            "an_error_holds_nothing_of_another_request",
        )],
    ),
    (
        "D6",
        "validation before authentication",
        &[
            (
                "plugin/tests/chat/errors.rs",
                "strangers_learn_nothing_before_they_are_known",
            ),
            (
                "plugin/tests/chat/errors.rs",
                "each_route_asks_for_its_permission_before_it_reads_the_request",
            ),
        ],
    ),
    (
        "D7",
        "HS256 is dead, and keys are read for each request",
        &[
            ("host/src/auth/tests.rs", "signatures_and_algorithms"),
            (
                "host/src/auth/tests/sources.rs",
                "a_storm_of_unknown_ids_causes_few_reads",
            ),
            ("tests/tests/auth.rs", "the_table_of_keys"),
        ],
    ),
    (
        "D8",
        "holes of the soft delete",
        &[
            (
                "plugin/tests/chat/messages.rs",
                "delete_is_soft_final_and_recorded",
            ),
            (
                "plugin/tests/chat/messages.rs",
                "a_parent_is_a_live_message_of_the_same_channel",
            ),
            (
                "plugin/tests/chat/replies.rs",
                "replies_are_changed_and_deleted_together_and_no_others",
            ),
            (
                "plugin/tests/chat/defects.rs",
                "with_a_message_goes_what_belongs_to_it",
            ),
        ],
    ),
    (
        "D9",
        "audit properties are forged",
        &[(
            "plugin/tests/chat/messages.rs",
            "audit_properties_come_from_the_token_and_the_clock_alone",
        )],
    ),
    (
        "D10",
        "500 for what the client did wrong",
        &[
            (
                "plugin/tests/chat/errors.rs",
                "bodies_that_break_the_schema",
            ),
            ("plugin/tests/chat/errors.rs", "filters_that_are_none"),
            (
                "plugin/tests/chat/files.rs",
                "many_files_come_all_or_not_at_all",
            ),
            (
                "tests/tests/messages/hostile.rs",
                "hostile_bytes_are_refused",
            ),
        ],
    ),
    (
        "D11",
        "pages without a bound",
        &[
            ("plugin/tests/chat/filter.rs", "limits_of_a_page"),
            ("plugin/tests/chat/filter.rs", "pages_fit_together"),
            ("tests/tests/messages/pages.rs", "pages_are_bounded"),
        ],
    ),
    (
        "D12",
        "no index",
        &[
            (
                "plugin/tests/chat/plan.rs",
                "a_page_of_a_channel_is_a_range_of_an_index",
            ),
            (
                "tests/tests/plans.rs",
                "a_channel_page_is_an_index_range_scan",
            ),
        ],
    ),
    (
        "D13",
        "a statement for each row of an include",
        &[(
            "plugin/tests/chat/inclusion.rs",
            "a_scope_counts_for_each_row_and_takes_one_statement",
        )],
    ),
    (
        "D14",
        "migrations drop what others made",
        &[
            ("tests/tests/migrate.rs", "what_others_made_survives"),
            (
                "tests/tests/migrate.rs",
                "plugins_may_not_migrate_everything",
            ),
        ],
    ),
    (
        "D15",
        "variables of the migrations disagree",
        &[(
            "tests/tests/cli_migrate.rs",
            "the_installers_variables_are_honoured",
        )],
    ),
    (
        "D16",
        "recipients come after their message, and twice",
        &[
            (
                "plugin/tests/chat/recipients.rs",
                "recipients_given_with_a_message_are_written_with_it",
            ),
            (
                "plugin/tests/chat/recipients.rs",
                "there_is_one_live_row_for_a_message_and_a_recipient",
            ),
        ],
    ),
    (
        "D17",
        "nothing about a file is checked",
        &[
            (
                "plugin/tests/chat/files.rs",
                "a_file_needs_nothing_and_keeps_what_it_is_given",
            ),
            (
                "plugin/tests/chat/files.rs",
                "files_are_added_by_those_who_may_change_the_message",
            ),
        ],
    ),
    (
        "D18",
        "every origin, tokens in URLs",
        &[
            (
                "tests/tests/edge.rs",
                "credentials_are_allowed_by_name_and_the_plugin_cannot_allow_more",
            ),
            (
                "tests/tests/edge.rs",
                "nothing_is_said_and_preflights_are_the_plugins_by_default",
            ),
            (
                "tests/tests/auth.rs",
                "a_token_in_the_url_is_refused_and_reaches_no_plugin",
            ),
        ],
    ),
    (
        "D19",
        "the document contradicts the answers",
        &[
            (
                "plugin/tests/chat/recipients.rs",
                "the_message_of_a_row_is_an_object",
            ),
            (
                "tests/tests/compat/main.rs",
                "every_operation_answers_as_documented",
            ),
        ],
    ),
    (
        "D20",
        "numbers of permissions clash across services: kept, as texts alone",
        &[(
            "plugin/src/domain/caller.rs",
            "permissions_are_names_or_numbers_in_strings",
        )],
    ),
    (
        "D21",
        "the MySQL tables lack keys",
        &[
            (
                "plugin/tests/import/quirks.rs",
                "rows_without_an_id_of_their_own_are_counted",
            ),
            ("tests/tests/import.rs", "an_original_comes_over"),
        ],
    ),
    (
        "D22",
        "the audit record quotes ids and copies rows",
        &[
            (
                "plugin/tests/chat/messages.rs",
                "writes_are_recorded_without_what_was_written",
            ),
            ("tests/tests/scope.rs", "everything_done_is_recorded"),
        ],
    ),
];

#[test]
fn what_is_named_is_there() {
    for (item, what, tests) in ITEMS {
        assert!(!tests.is_empty(), "nothing shows {item}: {what}");
        for (file, test) in *tests {
            let path = format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(&path).expect(&path);
            assert!(text.contains(&format!("fn {test}(")), "{file}: no {test}");
        }
    }
}

#[test]
fn every_defect_is_listed() {
    for number in 1..=22 {
        let name = format!("D{number}");
        let count = ITEMS.iter().filter(|(item, ..)| *item == name).count();
        assert_eq!(count, 1, "{name}");
    }
}
