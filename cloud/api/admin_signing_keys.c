#include "cloud/api/admin_signing_keys.h"

#include "cloud/authority_keys.h"

#include <sodium.h>

#define KEY_TEXT_BYTES 96

static void put_key(struct json_writer *writer, const char *name, const struct entitlement_key *key)
{
    char text[KEY_TEXT_BYTES];
    entitlement_key_format(key, text);
    json_text(writer, name, text);
}

void admin_public_key_show(struct api_context *context, struct http_exchange *exchange)
{
    struct json_writer *writer = json_writer_create(false);
    if (writer != NULL) {
        json_open_object(writer, NULL);
        put_key(writer, "public_key", key_chain_newest(context->answering.chain));
        json_close_object(writer);
    }
    api_answer_json(exchange, 200, json_writer_take(writer));
}

/* Oldest first. The first has no certificate: it is trusted because somebody pinned it. */
static void put_keys(struct json_writer *writer, const struct api_context *context,
                     const struct key_chain *chain)
{
    json_open_object(writer, NULL);
    json_open_array(writer, "signing_keys");
    for (size_t i = 0; i < chain->count; i++) {
        const struct key_chain_link *link = &chain->links[i];
        json_open_object(writer, NULL);
        json_text(writer, "key_id", link->key.kid);
        put_key(writer, "public_key", &link->key);
        json_boolean(writer, "signs", i == chain->count - 1);
        json_time_or_null(writer, "issued_at", link->issued_at_ms);
        json_text(writer, "signed_by", i > 0 ? chain->links[i - 1].key.kid : NULL);
        json_text(writer, "certificate", i > 0 ? link->certificate : NULL);
        json_close_object(writer);
    }
    json_close_array(writer);
    json_null(writer, "next"); /* as every list: there are never more than a page */
    json_text(writer, "file", context->signing_key_file);
    json_close_object(writer);
}

void admin_signing_key_list(struct api_context *context, struct http_exchange *exchange)
{
    struct json_writer *writer = json_writer_create(false);
    if (writer != NULL)
        put_keys(writer, context, context->answering.chain);
    api_answer_json(exchange, 200, json_writer_take(writer));
}

/* --- rotation ------------------------------------------------------------------------------------------- */

struct rotate_call {
    struct admin_call call;
    struct authority_signer signer; /* since then; chain NULL: nothing has changed */
};

static void refuse_rotation(struct admin_call *of, const struct error_detail *why)
{
    if (of->context->authority.chain->count == KEY_CHAIN_MAX)
        admin_refuse(
            of, 409, "too_many_signing_keys",
            "%d keys have followed one another, and no agent follows further; farmgate-cloud(8) says how "
            "to begin anew",
            KEY_CHAIN_MAX);
    else
        admin_refuse(of, 503, "signing_key_not_written", "the key in force goes on: %.300s", why->text);
}

static int run_rotate(struct admin_call *of, struct rows *rows, struct error_detail *ret_detail)
{
    struct rotate_call *call = (struct rotate_call *)of;
    const char *file = of->context->signing_key_file;
    struct error_detail why = {""};
    int error = authority_keys_rotate(&of->context->authority, rows, file, &of->author, &call->signer, &why);
    if (call->signer.chain == NULL) {
        refuse_rotation(of, &why);
        return 0;
    }
    admin_note(of, "the key %s signs from now on; %s needs a new backup", call->signer.key.key.kid, file);
    put_keys(of->answer, of->context, call->signer.chain);
    of->status = 201;
    if (error != 0)
        error_detail_set(ret_detail, "%s", why.text);
    return error;
}

/* The file was written before the ledger, and is not taken back: the next start would go on with it. */
static void finish_rotate(struct admin_call *of, int error)
{
    struct rotate_call *call = (struct rotate_call *)of;
    if (call->signer.chain == NULL)
        return;
    of->context->answering.key = call->signer.key;
    of->context->answering.chain = call->signer.chain;
    if (error != 0)
        admin_refuse(
            of, 503, "store_unavailable",
            "the key %s signs from now on, but the ledger could not note it; it does so at the next start",
            call->signer.key.key.kid);
    sodium_memzero(&call->signer.key, sizeof call->signer.key);
}

const struct admin_action admin_signing_key_rotate = {sizeof(struct rotate_call), NULL, run_rotate,
                                                      finish_rotate};
